import { counted } from '../../lib/text/counted.ts'
import { NoLoginKey } from '../../ssh/keys.ts'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { isoSecond } from '../../os/clock.ts'
import type { HostAddress, HostSession } from '../../facts/session.ts'
import { HostUnseen } from '../../facts/session.ts'
import { type FactSource, Unseen } from '../../facts/fact.ts'
import { gather } from '../../facts/gather.ts'
import { journalPattern, journalRead } from '../../systems/journal/reads.ts'
import { dockerEngine, engineStart } from '../../systems/docker/engine.ts'
import { hostAddresses } from '../../systems/linux/addresses.ts'
import { parseReach } from '../../systems/journal/journal.ts'
import { nowhere } from '../../review/one-probe.ts'
import { shellWord } from '../../lib/text/shell-quote.ts'
import { offeredKey } from '../../ssh/keys.ts'
import { type Destination, parseDestination } from '../../ssh/ssh-config.ts'
import { type Fix, missing, type Proof, proved, sourcesOn, type Subject, untold } from './doctor-result.ts'
import { type HostContext } from '../../review/context/review-context.ts'
import { openAdapters, type OpenAdapters } from '../../review/context/adapters.ts'

/** The steps to a session, each possible only after the one before it, and the failures that are its own. */
const steps = [
  { id: 'settings', subject: 'ssh settings', kinds: ['configuration'] },
  { id: 'reach', subject: 'reachable', kinds: ['unreachable', 'timeout'] },
  { id: 'host-key', subject: 'host key on file', kinds: ['host-key'] },
  { id: 'login', subject: 'login', kinds: ['login-refused'] },
  { id: 'reader', subject: 'runs the reader', kinds: ['shell'] }
] as const satisfies readonly { id: string; subject: string; kinds: readonly HostUnseen['kind'][] }[]

/** How far a clock may be off before what the host timed cannot be put in order with the repo, in milliseconds. */
const clockLimitMs = 5_000

/** Where the system's own journal begins, as far as the login may read it. */
const journalReach: FactSource<number | null> = {
  key: 'journal-reach',
  place: 'host',
  reads: [journalPattern.journalFiles()],
  async take(look) {
    const { stdout, stderr } = await look.read(journalRead.journalFiles())
    if (/not seeing messages from other users/i.test(stderr)) {
      throw new Unseen('the login sees only its own messages')
    }
    return parseReach(stdout)
  }
}

interface Question {
  readonly id: string
  readonly subject: string
  /** It is asked where a plan's reads start this program. */
  readonly program: string
  readonly source: FactSource<unknown>
  /** A sentence on the fact, or why it will not do. */
  says(value: unknown): { readonly ok: boolean; readonly saw: string }
  mend(why: string, user: string): string
}

const again = (host: string) => `recreate the host's list: adversary lockdown --on ${host}`

/** One question of each program that reviews need; `lockdown` lists their reads too. */
const questions: readonly Question[] = [
  question(dockerEngine, {
    id: 'docker',
    subject: 'docker readable',
    program: 'docker',
    says: ({ version, swarm }) => {
      if (swarm.manager) return { ok: true, saw: `docker ${version}, a manager of its swarm` }
      if (swarm.state === '' || swarm.state === 'inactive') {
        return {
          ok: true,
          saw: `docker ${version}, not in a swarm: checks of services and stacks do not apply`
        }
      }
      const saw = `docker ${version}, in a swarm (${swarm.state}), but not a manager: services and tasks cannot be read`
      return { ok: false, saw }
    },
    mend: (why, user) =>
      /permission denied/.test(why)
        ? `as root on the host: usermod -aG docker ${user}. That group is root on the host: see SECURITY.md, adversary lockdown`
        : /no such command/.test(why)
          ? 'put docker on the PATH of the login, or check that this is the right host'
          : /not a (?:swarm )?manager/.test(why)
            ? 'name a manager of the swarm under `hosts:` in adversary.yaml'
            : 'run on the host: systemctl status docker'
  }),
  question(engineStart, {
    id: 'systemd',
    subject: 'systemd readable',
    program: 'systemctl',
    says: () => ({ ok: true, saw: 'systemctl show answers, times to the microsecond' }),
    mend: why =>
      /timestamp/i.test(why)
        ? 'install systemd 248 or newer, which prints times to the microsecond (--timestamp=us+utc)'
        : 'check that systemd is the init of this host: systemctl show and systemctl cat must answer'
  }),
  question(journalReach, {
    id: 'journal',
    subject: 'journal readable',
    program: 'journalctl',
    says: micros =>
      micros === null
        ? { ok: false, saw: 'no file of the system journal is readable' }
        : { ok: true, saw: `reaches back to ${isoSecond(micros / 1000)}` },
    mend: (_, user) => `as root on the host: usermod -aG systemd-journal ${user}`
  }),
  question(hostAddresses, {
    id: 'ip',
    subject: 'addresses readable',
    program: 'ip',
    says: ({ interfaces, routes }) => ({
      ok: interfaces.length > 0,
      saw: `ip -j names ${counted(interfaces.length, 'interface')} and ${counted(routes.length, 'route')}`
    }),
    mend: () => 'put iproute2 with JSON output (ip -j) on the PATH of the login'
  })
]

function question<Value>(
  source: FactSource<Value>,
  asked: Omit<Question, 'source' | 'says'> & {
    says(value: Value): { readonly ok: boolean; readonly saw: string }
  }
): Question {
  // The value is this source's own: `gather` hands over what it took.
  return { ...asked, source, says: value => asked.says(value as Value) }
}

/** What is asked of a host to prove that a review can see it: of each program that its plans need; of all without plans. */
function questionsOn(home: HostContext['home'], host: string): readonly Question[] {
  const reads = sourcesOn(home, host).flatMap(source => source.reads ?? [])
  const programs = new Set(reads.map(([program]) => program))
  return programs.size === 0 ? questions : questions.filter(({ program }) => programs.has(program))
}

/** The facts that `doctor` asks a host for. */
export function doctorsSources(home: HostContext['home'], host: string): readonly FactSource<unknown>[] {
  return questionsOn(home, host).map(({ source }) => source)
}

/** Proves everything that a review needs of one host. Never rejects: a host that is down is a proof too. */
export async function proveHost(seat: HostContext, host: HostAddress): Promise<readonly Proof[]> {
  const adapters = openAdapters(seat, nowhere, seat.signal)
  const at = subjectOn(host)
  try {
    const asked = questionsOn(seat.home, host.name)
    const session = await adapters.open(host.name).catch((error: unknown) => error)
    if (!isSession(session)) {
      const unseen = session instanceof HostUnseen ? session : new HostUnseen('shell', messageOf(session))
      const fix = await fixOf(unseen, host)
      const fell = steps.findIndex(({ kinds }) => kinds.some(kind => kind === unseen.kind))
      return [
        ...steps.map((step, index) =>
          index < fell
            ? proved(at(step), 'yes')
            : index === fell
              ? missing(at(step), unseen.message, fix)
              : untold(at(step), `not checked: ${steps[fell]?.subject ?? ''} failed`)
        ),
        ...[...asked, { id: 'clock', subject: 'clock' }].map(each =>
          untold(at(each), 'not checked: the host could not be reached')
        )
      ]
    }
    return [
      proved(at(steps[0]), settingsOf(host)),
      ...steps.slice(1).map(step => proved(at(step), host.transport === 'local' ? 'this machine' : 'yes')),
      ...(await answers(host, adapters, asked)),
      ...questions.filter(each => !asked.includes(each)).map(each => untold(at(each), 'no plan uses it')),
      clockProof(host, session)
    ]
  } finally {
    await adapters.close()
  }
}

function subjectOn(host: HostAddress) {
  return ({ id, subject }: Subject): Subject => ({
    id: `host/${host.name}/${id}`,
    subject: `${host.name}: ${subject}`
  })
}

async function answers(
  host: HostAddress,
  adapters: OpenAdapters,
  asked: readonly Question[]
): Promise<readonly Proof[]> {
  const gathered = await gather([{ host: host.name, sources: asked.map(({ source }) => source) }], adapters)
  return asked.map(({ id, subject, source, says, mend }) => {
    const fact = gathered.fact(host.name, source)
    const told = fact.seen ? says(fact.value) : { ok: false, saw: fact.why }
    const at = subjectOn(host)({ id, subject })
    if (told.ok) return proved(at, told.saw)
    const way = /ended with 126/.test(told.saw) ? again(host.name) : mend(told.saw, userOf(host))
    return missing(at, told.saw, way)
  })
}

function clockProof(host: HostAddress, { clock }: HostSession): Proof {
  const at = subjectOn(host)({ id: 'clock', subject: 'clock' })
  const way = clock.skewMs < 0 ? 'behind' : 'ahead of'
  const saw = `${Math.abs(clock.skewMs)} ms ${way} ours, ±${clock.uncertaintyMs} ms (limit ${clockLimitMs / 1000} s)`
  if (Math.abs(clock.skewMs) + clock.uncertaintyMs <= clockLimitMs) return proved(at, saw)
  if (Math.abs(clock.skewMs) - clock.uncertaintyMs <= clockLimitMs) {
    return untold(at, `${saw}; the connection is too slow to compare the clocks`)
  }
  return missing(at, saw, 'run timedatectl timesync-status here and on the host')
}

function isSession(opened: unknown): opened is HostSession {
  return typeof opened === 'object' && opened !== null && 'ask' in opened
}

function settingsOf({ ssh, transport }: HostAddress): string {
  return transport === 'local' ? 'transport local' : `${ssh} by ${transport}`
}

/** The account on the host, as far as the home tells it. */
function userOf({ ssh }: HostAddress): string {
  return /^(?<user>[\w.-]+)@/.exec(ssh)?.groups?.['user'] ?? 'ACCOUNT'
}

async function fixOf(unseen: HostUnseen, host: HostAddress): Promise<Fix> {
  const { kind, message } = unseen
  switch (kind) {
    case 'configuration':
      if (!(unseen instanceof NoLoginKey))
        return `correct \`hosts: ${host.name}:\` in adversary.yaml, or ~/.ssh/config`
      return unseen.absent === null
        ? 'fix the key as shown, or set `identityFile:` in adversary.yaml or ~/.ssh/config to another one'
        : {
            text: `make a key here, then add ${unseen.absent}.pub to ~${userOf(host)}/.ssh/authorized_keys on the host`,
            command: `ssh-keygen -t ed25519 -N '' -f ${shellWord(unseen.absent)}`
          }
    case 'unreachable':
    case 'timeout':
      return {
        text: 'check that the host is up and that name and port are correct',
        command: sshCommand(host, ['true'])
      }
    case 'host-key':
      return {
        text: 'compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host; then log in once by hand',
        command: sshCommand(host, [])
      }
    case 'login-refused': {
      const key = await offeredKey(host).catch(() => null)
      const file = `~${userOf(host)}/.ssh/authorized_keys`
      return key === null
        ? `put the public key into ${file} on the host`
        : {
            text: `put the public key into ${file}: run on the host`,
            command: `echo ${shellWord(key)} >> ${file}`
          }
    }
    case 'shell':
      return /lockdown/.test(message)
        ? again(host.name)
        : {
            text: 'give the account a POSIX shell at /bin/sh, then check',
            command: sshCommand(host, ['/bin/sh', '-c', 'true'])
          }
  }
}

/** The login of a host as a person types it: with the key, the port and the file of host keys that the home names. */
function sshCommand(host: HostAddress, remote: readonly string[]): string {
  const { knownHosts, identityFile, configFile, ssh } = host
  const to = destinationOf(ssh)
  return [
    'ssh',
    ...(typeof configFile === 'string' ? ['-F', configFile] : []),
    ...(knownHosts === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHosts}`]),
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    ...(to?.port === undefined ? [] : ['-p', String(to.port)]),
    to === null ? ssh : to.user === undefined ? to.host : `${to.user}@${to.host}`,
    ...remote
  ]
    .map(shellWord)
    .join(' ')
}

/** Null where it cannot be taken apart: then it is shown as it is written. */
function destinationOf(ssh: string): Destination | null {
  try {
    return parseDestination(ssh)
  } catch (error) {
    if (error instanceof HostUnseen) return null
    throw error
  }
}

/** The hosts that a command asks: the one that is named, or all of the home. */
export function namedHost(home: HostContext['home'], name: string): HostAddress {
  const host = home.hosts.get(name)
  if (host !== undefined) return host
  const known = [...home.hosts.keys()].join(', ') || 'none'
  throw new AdversaryError(
    'usage',
    `--on: \`${name}\` is not a host of adversary.yaml; expected one of ${known}`
  )
}
