import { stat } from 'node:fs/promises'
import type { AgentAuthMethod, IdentityCallback, ParsedKey, PublicKeyAuthMethod, SignCallback } from 'ssh2'
import type { SigningRequestOptions } from 'ssh2'
import ssh2 from 'ssh2'
import { fileBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import { readLooseText } from '../os/files.ts'
import { type HostAddress, HostUnseen } from '../facts/session.ts'
import { fingerprint } from './known-hosts.ts'
import { resolveTarget, type SshTarget } from './ssh-config.ts'

/** What is offered to a host, in this order, and what could not be. */
export interface Credentials {
  readonly methods: readonly (PublicKeyAuthMethod | AgentAuthMethod)[]
  /** The keys as a person finds them again, `FILE (SHA256:…)`; those of an agent once it was asked for them. */
  offered(): readonly string[]
  /** Why a key is not among them: told when the login is refused. */
  readonly notes: readonly string[]
}

/** There is nothing to log in with. */
export class NoLoginKey extends HostUnseen {
  /** The file that the key is looked for in first, where none of the files exists. */
  readonly absent: string | null

  constructor(notes: readonly string[], absent: string | null) {
    super('configuration', `no usable login key: ${notes.join('; ')}`)
    this.absent = absent
  }
}

/**
 * Private keys that can be read, then the agent.
 *
 * @throws NoLoginKey
 */
export async function credentialsOf(target: SshTarget): Promise<Credentials> {
  const methods: (PublicKeyAuthMethod | AgentAuthMethod)[] = []
  const files: string[] = []
  const notes: string[] = []
  const locked: Buffer[] = []
  const absent: string[] = []
  for (const file of target.identityFiles) {
    const key = await keyOf(file)
    if (key.kind === 'usable') {
      methods.push({ type: 'publickey', username: target.user, key: key.text })
      files.push(`${file} (${fingerprint(key.publicKey)})`)
    } else if (key.kind === 'locked') {
      if (key.publicKey !== undefined) locked.push(key.publicKey)
      if (target.agent === undefined) notes.push(`${file} has a passphrase, and there is no ssh-agent`)
      else if (target.identitiesOnly && key.publicKey === undefined) {
        notes.push(`${file} has a passphrase; finding it in the ssh-agent requires ${file}.pub`)
      }
    } else {
      notes.push(key.why)
      if (key.kind === 'absent') absent.push(file)
    }
  }
  const agents: SomeAgent[] = []
  if (target.agent !== undefined && (!target.identitiesOnly || locked.length > 0)) {
    const agent = new SomeAgent(new ssh2.OpenSSHAgent(target.agent), target.identitiesOnly ? locked : null)
    agents.push(agent)
    methods.push({ type: 'agent', username: target.user, agent })
  }
  if (methods.length === 0) {
    const none = absent.length === target.identityFiles.length
    throw new NoLoginKey(notes, none ? (absent[0] ?? null) : null)
  }
  return { methods, notes, offered: () => [...files, ...agents.flatMap(agent => agent.shown)] }
}

/**
 * The public half of the first key that a host is offered, as a line of authorized_keys without its comment;
 * null where none of the files is there.
 *
 * @throws HostUnseen of kind `configuration` where ~/.ssh/config cannot be followed.
 */
export async function offeredKey(host: HostAddress): Promise<string | null> {
  for (const file of (await resolveTarget(host)).identityFiles) {
    const key = await publicKeyOf(file)
    if (key !== null) return key
  }
  return null
}

/** The public key in a file, or beside it in `FILE.pub`, or of the private key in it; null where there is none. */
export async function publicKeyOf(file: string): Promise<string | null> {
  for (const name of [`${file}.pub`, file]) {
    const text = await readLooseText(name, fileBounds.key).catch(() => null)
    const parsed = text === null ? new Error('no such file') : ssh2.utils.parseKey(text)
    if (parsed instanceof Error) continue
    // ssh2 answers with a list for OpenSSH's own format, whatever its types say.
    const [key] = [parsed].flat()
    if (key !== undefined) return `${key.type} ${key.getPublicSSH().toString('base64')}`
  }
  return null
}

type Key =
  | { readonly kind: 'usable'; readonly text: string; readonly publicKey: Buffer }
  | { readonly kind: 'locked'; readonly publicKey: Buffer | undefined }
  | { readonly kind: 'absent' | 'unusable'; readonly why: string }

async function keyOf(file: string): Promise<Key> {
  let text: string
  try {
    const { mode, uid } = await stat(file)
    if (uid === process.getuid?.() && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0')
      return { kind: 'unusable', why: `other users can read ${file} (mode ${octal}): chmod 600 ${file}` }
    }
    const read = await readLooseText(file, fileBounds.key)
    if (read === null) return { kind: 'absent', why: `${file} does not exist` }
    text = read
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return missing
      ? { kind: 'absent', why: `${file} does not exist` }
      : { kind: 'unusable', why: `cannot read ${file}: ${messageOf(error)}` }
  }
  const parsed = ssh2.utils.parseKey(text)
  if (!(parsed instanceof Error)) {
    // ssh2 answers with a list for OpenSSH's own format, whatever its types say.
    const [key] = [parsed].flat()
    return key?.isPrivateKey() === true
      ? { kind: 'usable', text, publicKey: key.getPublicSSH() }
      : { kind: 'unusable', why: `${file} is not a private key` }
  }
  if (!/encrypted|passphrase/i.test(parsed.message)) {
    return { kind: 'unusable', why: `${file} is not a supported key: ${parsed.message}` }
  }
  const half = await readLooseText(`${file}.pub`, fileBounds.key).then(
    pub => (pub === null ? undefined : ssh2.utils.parseKey(pub)),
    () => undefined
  )
  const publicKey = half === undefined || half instanceof Error ? undefined : half.getPublicSSH()
  return { kind: 'locked', publicKey }
}

/** An agent that shows all of its keys, or some of them: `IdentitiesOnly`. */
class SomeAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: InstanceType<typeof ssh2.OpenSSHAgent>
  readonly #keys: readonly Buffer[] | null
  /** What it was asked for last, as `the ssh-agent's key SHA256:…`. */
  shown: readonly string[] = []

  /** @param keys null: all of them. */
  constructor(agent: InstanceType<typeof ssh2.OpenSSHAgent>, keys: readonly Buffer[] | null) {
    super()
    this.#agent = agent
    this.#keys = keys
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    this.#agent.getIdentities((error, keys) => {
      const blobs = (keys ?? []).flatMap(key => ('getPublicSSH' in key ? [key.getPublicSSH()] : []))
      const only = this.#keys
      const wanted = (blob: Buffer) => only === null || only.some(each => each.equals(blob))
      this.shown = blobs.filter(wanted).map(blob => `the ssh-agent's key ${fingerprint(blob)}`)
      callback(
        error,
        only === null ? keys : keys?.filter(key => 'getPublicSSH' in key && wanted(key.getPublicSSH()))
      )
    })
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    callback?: SignCallback
  ): void {
    if (typeof options === 'function') this.#agent.sign(key, data, options)
    else this.#agent.sign(key, data, options, callback)
  }
}
