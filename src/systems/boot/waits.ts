import type { Run } from '../programs/program-runs.ts'
import { baseName, type Loop, type RunCommand, unknowable, type Values } from '../programs/shell-runs.ts'
import { trimmedEnd } from '../../lib/text/trim.ts'

/** What a start program waits for. */
export type Target =
  | {
      readonly kind: 'url'
      readonly url: string
      readonly host: string
      readonly port: number
      readonly path: string | null
    }
  | { readonly kind: 'port'; readonly host: string; readonly port: number }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'docker'; readonly of: readonly DockerKind[]; readonly names: readonly string[] }
  | { readonly kind: 'unit'; readonly unit: string; readonly started: boolean }
  /** `systemctl is-system-running --wait`: everything that boots, itself included. */
  | { readonly kind: 'boot' }

export type DockerKind = 'stack' | 'service' | 'network' | 'container'

export interface Wait {
  readonly target: Target
  readonly run: Run
  /** Why it may not be a wait after all; empty where it certainly is one. */
  readonly doubt: string
  /** Why whoever answers first may end it, although another was meant; empty where only the right one does. */
  readonly lenient: string
  /** How long the script itself waits at most, in seconds; null where it sets no end. */
  readonly bound: number | null
}

/** What a start program brings about. */
export type Provision =
  | { readonly kind: DockerKind; readonly name: string }
  /** A TCP port of the host. */
  | { readonly kind: 'port'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }

/** What a command waits for, if it waits: in a loop that goes on until it succeeds, or by its own options. */
export function waitsOf(run: Run): readonly Wait[] {
  const { command } = run
  if (command.background) return []
  const name = baseName(first(command.words[0]))
  const asked = askedBy(name, command)
  const polled = polling(command, name)
  return asked.flatMap(({ target, own, doubt, lenient = '' }): readonly Wait[] => {
    if (own !== undefined)
      return [{ target, run, doubt, lenient, bound: smaller(own.bound, command.timeout) }]
    if (polled === undefined) return []
    const bound = smaller(polled.bound, command.timeout)
    return [{ target, run, doubt: [polled.doubt, doubt].filter(Boolean).join('; '), lenient, bound }]
  })
}

interface Asked {
  readonly target: Target
  /** It waits without any loop. */
  readonly own?: { readonly bound: number | null }
  readonly doubt: string
  readonly lenient?: string
}

/** Whether the command is asked over and over, until it succeeds. */
function polling(
  command: RunCommand,
  name: string
): { readonly doubt: string; readonly bound: number | null } | undefined {
  for (const loop of command.loops.toReversed()) {
    const bound = loop.rounds === null ? null : Math.ceil(loop.rounds * Math.max(loop.sleep, 1))
    if (loop.role === 'condition')
      return towardsSuccess(loop, command, name) ? { doubt: '', bound } : undefined
    const repeats = loop.kind === 'for' ? loop.sleep > 0 && loop.rounds !== 1 : true
    if (!repeats || !loop.leaves) continue
    const doubt = loop.kind !== 'for' && !loop.endless ? 'another condition ends the loop' : ''
    const ignored = command.excused && !name.startsWith('@')
    return { doubt: ignored ? 'its failure is ignored' : doubt, bound }
  }
  return undefined
}

/** `until X` and `while ! X` wait for success; `while X` waits for its end. */
function towardsSuccess(loop: Loop, command: RunCommand, name: string): boolean {
  if (name.startsWith('@') || /^(?:\[\[?|test)$/.test(name)) return true
  // What a test makes of the output cannot be told: `= 200` and `!= 200` are both usual.
  if (command.looked || loop.vague === true) return true
  return (loop.kind === 'until') !== command.negated
}

function askedBy(name: string, command: RunCommand): readonly Asked[] {
  const { words } = command
  const asked: Asked[] = devices(command)
  if (name === 'curl') asked.push(...curl(command))
  else if (name === 'wget') asked.push(...urls(words.slice(1)).map(target => ({ target, doubt: '' })))
  else if (name === '@http') {
    const lenient = command.looked ? '' : anyAnswer
    asked.push(
      ...(words[1] ?? []).flatMap(url => urlTarget(url)).map(target => ({ target, doubt: '', lenient }))
    )
  } else if (name === '@connect') asked.push(...ports(words[1], words[2]))
  else if (name === '@exists') asked.push(...files(words[1]))
  else if (/^(?:nc|ncat|netcat)$/.test(name)) {
    const [host, port] = plainWords(words, /^-[wGqsp]$/)
    const datagrams = words.slice(1).some(values => /^(?:-[a-tv-zA-Z]*u[a-zA-Z]*|--udp)$/.test(first(values)))
    const doubt = datagrams ? 'over UDP a missing answer is not an error' : ''
    asked.push(...ports(host, port).map(one => ({ ...one, doubt })))
  } else if (/^(?:\[\[?|test)$/.test(name)) asked.push(...fileTests(command))
  else if (name === 'docker' || name === 'podman') asked.push(...docker(command))
  else if (name === 'systemctl' || name === 'service') asked.push(...systemctl(name, words))
  return asked
}

const anyAnswer = 'any answer ends it, including one from a proxy that does not know the name'

function curl(command: RunCommand): readonly Asked[] {
  const options = command.words.slice(1).map(first)
  const has = (...names: readonly string[]) => options.some(option => names.includes(option))
  const short = options.filter(option => /^-[A-Za-z]+$/.test(option)).join('')
  const fails = has('--fail', '--fail-with-body') || /f/.test(short.replaceAll(/-[a-zA-Z]*o$/g, '-'))
  const host = header(options)
  const targets = urls(command.words.slice(1), host)
  const retry = Number(valueOf(options, '--retry') ?? '0')
  const lenient = fails || command.looked ? '' : `${anyAnswer} (curl without --fail)`
  if (!(retry > 0)) return targets.map(target => ({ target, doubt: '', lenient }))
  const delay = Number(valueOf(options, '--retry-delay') ?? Number.NaN)
  const most = Number(valueOf(options, '--retry-max-time') ?? Number.NaN)
  const rounds = Number.isFinite(delay) && delay > 0 ? retry * delay : null
  const own = { bound: smaller(Number.isFinite(most) ? most : null, rounds) }
  const doubt =
    has('--retry-all-errors') && fails
      ? ''
      : 'curl retries only some failures without --retry-all-errors and --fail'
  return targets.map(target => ({ target, own, doubt }))
}

function header(options: readonly string[]): string | undefined {
  const at = options.findIndex(
    (option, index) => /^(?:-H|--header)$/.test(options[index - 1] ?? '') && /^host:/i.test(option)
  )
  return at < 0 ? undefined : options[at]?.slice(5).trim()
}

function valueOf(options: readonly string[], name: string): string | undefined {
  const at = options.findIndex(option => option === name || option.startsWith(`${name}=`))
  const option = options[at]
  return option === undefined
    ? undefined
    : option.includes('=')
      ? option.slice(name.length + 1)
      : options[at + 1]
}

function urls(words: readonly Values[], host?: string): readonly Target[] {
  return words.flatMap(values => values.flatMap(value => urlTarget(value, host)))
}

function urlTarget(text: string, host?: string): readonly Target[] {
  const [, scheme = '', authority = '', rest = ''] = /^(https?):\/\/([^/?#]*)([^?#]*)/i.exec(text) ?? []
  const [, name = '', port] = /^(?:[^@]*@)?([\w.-]+)(?::(\d{1,5}))?$/.exec(authority) ?? []
  if (name === '') return []
  const path = rest.includes(unknowable) ? null : rest || '/'
  const number = port === undefined ? (scheme.toLowerCase() === 'http' ? 80 : 443) : Number(port)
  return [
    {
      kind: 'url',
      url: text.replaceAll(unknowable, '…').slice(0, 300),
      host: (host ?? name).toLowerCase(),
      port: number,
      path
    }
  ]
}

function ports(hosts: Values | undefined, numbers: Values | undefined): Asked[] {
  return (hosts ?? []).flatMap(host =>
    (numbers ?? []).flatMap(number =>
      /^\d{1,5}$/.test(number) && /^[\w.:-]+$/.test(host)
        ? [{ target: { kind: 'port' as const, host: host.toLowerCase(), port: Number(number) }, doubt: '' }]
        : []
    )
  )
}

/** bash's `/dev/tcp/HOST/PORT`. */
function devices({ redirects }: RunCommand): Asked[] {
  return redirects.flatMap(({ target }) =>
    target.flatMap(path => {
      const [, host, port] = /^\/dev\/tcp\/([^/]+)\/(\d+)$/.exec(path) ?? []
      return host === undefined || port === undefined ? [] : ports([host], [port])
    })
  )
}

function files(paths: Values | undefined): Asked[] {
  return (paths ?? [])
    .filter(path => path.startsWith('/') && !path.includes(unknowable))
    .map(path => ({ target: { kind: 'file' as const, path }, doubt: '' }))
}

/** `[ -e FILE ]` in a loop that goes on while it is not so. */
function fileTests({ words, negated, loops }: RunCommand): Asked[] {
  const at = words.findIndex(values => /^-[efdsrSpLhwx]$/.test(first(values)))
  if (at < 0) return []
  const not = negated !== words.slice(0, at).some(values => first(values) === '!')
  const loop = loops.at(-1)
  const forIt = loop?.role === 'condition' ? (loop.kind === 'until') !== not : true
  return forIt ? files(words[at + 1]) : []
}

function docker({ words, pipe }: RunCommand): readonly Asked[] {
  const rest = words.slice(1)
  const [object] = plainWords(rest, /^(?:-H|--host|-c|--context|-l|--log-level)$/, 0)
  if (!/^(?:service|stack|ps|container|network|inspect|wait|exec|logs)$/.test(first(object))) return []
  const filters = rest.flatMap((values, at) =>
    /^(?:-f|--filter)$/.test(first(rest[at - 1])) || first(values).startsWith('--filter=') ? values : []
  )
  const named = filters.flatMap(filter => /name=\^?\/?([\w.-]+)\$?/.exec(filter)?.[1] ?? [])
  const verbs = /^(?:service|stack|container|network)$/.test(first(object)) ? 2 : 1
  const plain = plainWords(rest, /^(?:-f|--filter|--format|--type|-H|--host)$/, 0)
    .slice(verbs)
    .flat()
  const grepped = pipe
    .filter(other => /^(?:e|f|z)?grep$/.test(baseName(first(other[0]))))
    .flatMap(other =>
      plainWords(other, /^-[mABC]$/)
        .slice(0, 1)
        .flat()
    )
    .flatMap(text => text.match(/[\w.-]{3,}/g) ?? [])
    .map(text => trimmedEnd(text, '.'))
  const names = [...new Set([...named, ...plain, ...grepped])].filter(name => /^[\w.-]+$/.test(name))
  const of: readonly DockerKind[] = /^(?:service|stack)$/.test(first(object))
    ? ['service', 'stack']
    : first(object) === 'network'
      ? ['network']
      : ['container', 'service', 'stack', 'network']
  return names.length === 0 ? [] : [{ target: { kind: 'docker', of, names }, doubt: '' }]
}

function systemctl(name: string, words: readonly Values[]): readonly Asked[] {
  const options = words.slice(1).map(first)
  const has = (...names: readonly string[]) => options.some(option => names.includes(option))
  if (has('--no-block', '--user', '--global', '-h', '--help')) return []
  const plain = plainWords(words, /^(?:-p|--property|-t|--type|-n|-o|-H|--host|-M)$/).flat()
  const [verb = '', ...units] = name === 'service' ? [plain[1] ?? '', plain[0] ?? ''] : plain
  if (verb === 'is-system-running' && has('--wait'))
    return [{ target: { kind: 'boot' }, own: { bound: null }, doubt: '' }]
  const starts =
    /^(?:start|restart|reload-or-restart|isolate)$/.test(verb) || (verb === 'enable' && has('--now'))
  if (!starts && !/^(?:is-active|status|show)$/.test(verb)) return []
  return units
    .filter(unit => /^[A-Za-z0-9][\w.:@\\-]*$/.test(unit))
    .map(unit => ({
      target: { kind: 'unit' as const, started: starts, unit: unit.includes('.') ? unit : `${unit}.service` },
      doubt: '',
      ...(starts ? { own: { bound: null } } : {})
    }))
}

/** The words that are neither the command, nor options, nor options' values. */
function plainWords(words: readonly Values[], valued: RegExp, from = 1): readonly Values[] {
  return words.slice(from).filter((values, at, rest) => {
    const word = first(values)
    return word !== '' && !word.startsWith('-') && !valued.test(first(rest[at - 1]))
  })
}

/** What a command brings about once it has run. */
export function provisionsOf({ command }: Run): readonly Provision[] {
  const { words, redirects } = command
  const name = baseName(first(words[0]))
  const made: Provision[] = []
  const file = (values: Values | undefined) => {
    for (const path of values ?? []) {
      if (path.startsWith('/') && !path.startsWith('/dev/') && !path.includes(unknowable))
        made.push({ kind: 'file', path })
    }
  }
  for (const { operator, target } of redirects) if (/>/.test(operator)) file(target)
  if (name === 'docker') {
    const valued =
      /^(?:-c|--compose-file|--resolve-image|--orchestrator|--kubeconfig|--namespace|--host|-H|--context)$/
    const plain = plainWords(words, valued)
    const [object, verb] = plain.map(first)
    const last = plain.at(-1) ?? []
    const options = words.map(first)
    if (object === 'stack' && /^(?:deploy|up)$/.test(verb ?? ''))
      made.push(...last.map(name => ({ kind: 'stack' as const, name })))
    if (object === 'network' && verb === 'create')
      made.push(...last.map(name => ({ kind: 'network' as const, name })))
    const named = valueOf(options, '--name')
    if (object === 'service' && verb === 'create' && named !== undefined)
      made.push({ kind: 'service', name: named })
    if (/^(?:run|create)$/.test(object ?? '') && named !== undefined)
      made.push({ kind: 'container', name: named })
    if (object === 'run' || (object === 'service' && verb === 'create')) made.push(...published(words))
  } else if (name === 'abra') {
    const [app, verb, domain = ''] = plainWords(words, /^-[a-z]$/).map(first)
    // abra names a stack after its domain, dots made underscores.
    if (app === 'app' && verb === 'deploy') made.push({ kind: 'stack', name: domain.replaceAll('.', '_') })
  } else if (/^(?:touch|mkdir|tee|mkfifo)$/.test(name))
    for (const path of plainWords(words, /^-m$/)) file(path)
  else if (/^(?:cp|mv|ln|install)$/.test(name)) file(words.at(-1))
  return made
}

/** `-p 8080:80`, `-p 127.0.0.1:8080:80/tcp`, `--publish published=8080,target=80`. */
function published(words: readonly Values[]): readonly Provision[] {
  return words.flatMap((values, at) => {
    const own = values.flatMap(
      word => /^(?:--publish=|-p=?)(?<port>\d.*)$/.exec(word)?.groups?.['port'] ?? []
    )
    const said = /^(?:-p|--publish)$/.test(first(words[at - 1])) ? values : own
    return said.flatMap((text): readonly Provision[] => {
      if (text.endsWith('/udp') || /\bprotocol=udp\b/.test(text)) return []
      const name = /\bpublished=(\d+)/.exec(text)?.[1] ?? /^(?:.*:)?(\d+):\d+(?:\/tcp)?$/.exec(text)?.[1]
      return name === undefined ? [] : [{ kind: 'port', name }]
    })
  })
}

function first(values: Values | undefined): string {
  return values?.[0] ?? ''
}

function smaller(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}
