/**
 * What was read, with the secrets in it: for judging alone. It is neither text nor JSON, so that no template, document
 * or log can hold what is in it by mistake. `unseal` is for `judge/` alone: the architecture test holds that.
 */
export interface Sealed<Value> {
  readonly [inside]: () => Value
  /** Throws: what is to be written is published first. */
  toJSON(): never
}

const inside = Symbol('sealed')

export function seal<Value>(value: Value): Sealed<Value> {
  return {
    [inside]: () => value,
    toJSON() {
      throw new TypeError('a sealed fact cannot be written: publish it first')
    }
  }
}

export function unseal<Value>(sealed: Sealed<Value>): Value {
  return sealed[inside]()
}
