/** Named by the types of the preset, which bundles it. */
declare module '@secretlint/secretlint-rule-aws' {
  export type Options = object
}
