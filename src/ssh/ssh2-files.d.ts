/** The files of ssh2 that ssh2.ts loads, as its index exports them. */
declare module 'ssh2/lib/client.js' {
  export { Client as default } from 'ssh2'
}
declare module 'ssh2/lib/agent.js' {
  import type ssh2 from 'ssh2'
  const agent: { readonly BaseAgent: typeof ssh2.BaseAgent; readonly OpenSSHAgent: typeof ssh2.OpenSSHAgent }
  export default agent
}
declare module 'ssh2/lib/protocol/keyParser.js' {
  import type { utils } from 'ssh2'
  const keyParser: { readonly parseKey: typeof utils.parseKey }
  export default keyParser
}
