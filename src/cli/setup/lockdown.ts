import { readablePath } from '../../lib/secrets/readable-path.ts'
import { AdversaryError } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { guardScript } from '../../ssh/reader/guard.ts'
import { openSession } from '../../ssh/open-session.ts'
import type { Answer, HostAddress } from '../../facts/session.ts'
import { offeredKey, publicKeyOf } from '../../ssh/keys.ts'
import { type Trial, type TrialName, tryKey } from '../../ssh/trials.ts'
import type { Workspace } from '../../config/workspace.ts'
import { gather } from '../../facts/gather.ts'
import { type Pattern, type ReadCommand, readCommand, sampleOf, typed } from '../../facts/read-command.ts'
import { doctorsSources, proveHost } from './host-check.ts'
import { nowhere } from '../../review/one-probe.ts'
import { missing, type Proof, proved, sourcesOn, type Subject, untold } from './doctor-result.ts'
import { type HostContext } from '../../review/context/review-context.ts'
import { openAdapters } from '../../review/context/adapters.ts'

/** Where the programs of units lie that are not the distribution's own. */
export const programFolders = ['/nix/store', '/etc/systemd/system', '/usr/local', '/opt'] as const

/** Where the script is installed by default. */
export const scriptPath = '/usr/local/libexec/adversary-reader'

export interface LockOptions {
  /** Addresses that the key may come from, as `from=` of authorized_keys takes them; null: any. */
  readonly from: string | null
  /** Where the script will lie on the host. */
  readonly path: string
  /** A file with the key, public or private; null: the first one that the host is offered. */
  readonly key: string | null
  /** More folders under which the programs of units are read. */
  readonly also: readonly string[]
}

export interface Lock {
  /** One line of authorized_keys. */
  readonly authorizedKeys: string
  readonly path: string
  readonly script: string
  /** What may be read, as a person would type it; `…` is what only the host's own answers tell. */
  readonly reads: readonly string[]
  /** Facts of the home's own probes whose reads are not known, so that they are not listed. */
  readonly undeclared: readonly string[]
}

/**
 * The reads that a host's plans need: of their checks and hunts, of their orientation, and the doctor's one
 * question for each program among them. They are what the fact sources declare, and the engine sends no other.
 */
function readsOn(home: Workspace, host: string) {
  const wanted = sourcesOn(home, host)
  if (wanted.length === 0) {
    throw new AdversaryError('usage', `no plan looks at ${host}, so nothing would be allowed`, {
      hint: 'write a plan for it first'
    })
  }
  const sources = [...wanted, ...doctorsSources(home, host)]
  const reads = sources.flatMap(source => source.reads ?? [])
  return {
    reads: [...new Map(reads.map(pattern => [JSON.stringify(pattern), pattern])).values()],
    undeclared: sources.filter(source => source.reads === undefined).map(({ key }) => key)
  }
}

/** Makes what locks the reviewer's key on a host. Nothing is asked of the host. @throws AdversaryError (usage). */
export async function lock(home: Workspace, host: HostAddress, options: LockOptions): Promise<Lock> {
  const { from, path, also } = options
  if (!/^\/[\w./+@-]+$/.test(path)) {
    throw new AdversaryError(
      'usage',
      `--path: \`${oneLine(path, 80)}\` is not an absolute path of plain letters`
    )
  }
  if (from !== null && !/^[\w.:*?!/,-]+$/.test(from)) {
    throw new AdversaryError('usage', `--from: \`${oneLine(from, 80)}\` is no list of addresses`, {
      hint: '--from 192.0.2.10,2001:db8::/64'
    })
  }
  for (const folder of also) {
    if (readablePath(folder) === folder && folder !== '/') continue
    throw new AdversaryError('usage', `--also: \`${oneLine(folder, 80)}\` is no folder that may be read`)
  }
  const { reads, undeclared } = readsOn(home, host.name)
  const key = options.key === null ? await offeredKey(host) : await publicKeyOf(options.key)
  if (key === null) {
    throw new AdversaryError(
      'usage',
      `no public key of ${options.key ?? `the login to ${host.name}`} was found`,
      {
        hint: '--key FILE.pub names it'
      }
    )
  }
  const limits = ['restrict', ...(from === null ? [] : [`from="${from}"`]), `command="${path}"`]
  const authorizedKeys = `${limits.join(',')} ${key} adversary`
  const plans = [...home.plans.values()].map(({ file, digest }) => `${oneLine(file, 80)} (${digest})`)
  const comments = [
    `What the key of the reviewer may do on ${host.name}: start the reader, and read what is listed here.`,
    `Made by: adversary lockdown --on ${host.name}`,
    `From: ${plans.join(', ')}`,
    `Make it anew when a plan changes, or adversary itself; adversary lockdown --check --on ${host.name} tells.`,
    '',
    `Install it as root, owned by root: install -m 0755 adversary-reader ${path}`,
    'In the authorized_keys of the account, the only line with this key:',
    authorizedKeys
  ]
  return {
    authorizedKeys,
    path,
    script: guardScript({ reads, programs: [...new Set([...programFolders, ...also])], comments }),
    reads: reads.map(shown).sort(),
    undeclared
  }
}

function shown(pattern: Pattern): string {
  return typed({
    argv: pattern.map(place =>
      typeof place === 'string' ? place : `${place.blank === 'seconds' ? place.after : ''}…`
    )
  }).replaceAll(/'([^' ]*…)'/g, '$1')
}

const tried = {
  command: 'another command',
  shell: 'a shell',
  terminal: 'a terminal',
  sftp: 'files by sftp',
  forward: 'a port forward',
  'docker socket': "a forward to docker's socket",
  'remote forward': 'a remote port forward'
} as const satisfies Record<TrialName, string>

/**
 * Tries on a host, harmlessly, that its key is locked: what a review needs is answered (one command of each
 * pattern), and nothing else is.
 */
export async function checkLock(seat: HostContext, host: HostAddress): Promise<readonly Proof[]> {
  const { reads } = readsOn(seat.home, host.name)
  const install = `install the script and the line of: adversary lockdown --on ${host.name}`
  const also = `${install}, with --also and the folder where it is one of docker's or of programs`
  const subject = (id: string, what: string): Subject => ({
    id: `lockdown/${id}`,
    subject: `${host.name}: ${what}`
  })
  const stairs = (await proveHost(seat, host)).filter(({ id }) =>
    /\/(?:settings|reach|host-key|login|reader)$/.test(id)
  )
  if (stairs.some(({ ok }) => ok !== true)) return stairs

  const session = await openSession(host, { signal: seat.signal })
  const ask = (commands: readonly ReadCommand[]) => Promise.all(session.ask(commands))
  let listed: readonly ReadCommand[]
  let allowed: readonly Answer[]
  let others: readonly Answer[]
  const unlisted = unlistedReads()
  try {
    listed = reads.map(sampleOf)
    allowed = await ask(listed)
    others = await ask(unlisted)
  } finally {
    await session.close()
  }

  const withheld = new Set(listed.filter((_, index) => isRefusal(allowed[index])).map(typed))
  const { asked, refused } = await askedByReview(seat, host)
  for (const command of refused) withheld.add(command)
  const open = unlisted.filter((_, index) => !isRefusal(others[index]))
  const listProof = subject('listed', 'reads of the plans')
  const otherProof = subject('unlisted', 'other reads')
  return [
    ...stairs,
    withheld.size === 0
      ? proved(listProof, `none of ${listed.length} is refused, and none of the ${asked} of a review`)
      : missing(listProof, `refused: ${[...withheld].join('; ')}`, refused.some(isOfFolder) ? also : install),
    open.length === 0
      ? proved(otherProof, `refused: ${unlisted.map(typed).join('; ')}`)
      : missing(otherProof, `not refused: ${open.map(typed).join('; ')}`, install),
    ...(await keyProofs(seat, host, subject, install))
  ]
}

/** Reads what a review of the plans would: paths and ids that only the host's own answers tell are among it. */
async function askedByReview(seat: HostContext, host: HostAddress) {
  const adapters = openAdapters(seat, nowhere, seat.signal)
  try {
    const { evidence } = await gather(
      [{ host: host.name, sources: sourcesOn(seat.home, host.name) }],
      adapters
    )
    const refused = evidence.filter(({ exit, stderr }) => exit === refusal && stderr.startsWith(refusalWords))
    return { asked: evidence.length, refused: refused.map(({ command }) => command) }
  } finally {
    await adapters.close()
  }
}

/** A read of a path, which a list may grant by its folder. */
function isOfFolder(command: string): boolean {
  return /^(?:df|sed|head|stat) /.test(command)
}

const refusal = 126
const refusalWords = 'adversary lockdown: '

async function keyProofs(
  seat: HostContext,
  host: HostAddress,
  subject: (id: string, what: string) => Subject,
  install: string
): Promise<readonly Proof[]> {
  const names = Object.entries(tried)
  if (host.transport !== 'ssh2') {
    const why = `not tried: that needs \`transport: ssh2\`, and this host has ${host.transport}`
    return names.map(([name, what]) => untold(subject(name.replaceAll(' ', '-'), what), why))
  }
  const results: Readonly<Record<string, Trial>> = await tryKey(host, { signal: seat.signal })
  return names.map(([name, what]) => {
    const at = subject(name.replaceAll(' ', '-'), what)
    const result = results[name] ?? { kind: 'unclear', how: 'not tried' }
    switch (result.kind) {
      case 'refused':
        return proved(at, `refused (${oneLine(result.how, 120)})`)
      case 'allowed':
        return missing(
          at,
          `not refused: ${result.how}`,
          `\`restrict\` and \`command=\` stand before the key: ${install}`
        )
      case 'unclear':
        return untold(at, `cannot be told: ${oneLine(result.how, 120)}`)
    }
  })
}

function isRefusal(answer: Answer | undefined): boolean {
  return answer?.answered === true && answer.exit === refusal && answer.stderr.startsWith(refusalWords)
}

/** What no review asks: a host that `lockdown` guards refuses them, and another one is not harmed. */
function unlistedReads(): readonly ReadCommand[] {
  return [
    ['true'],
    ['docker', 'version'],
    ['docker', 'network', 'ls'],
    ['head', '-c', '1', '--', '/etc/passwd']
  ].map(words => readCommand(words))
}
