import type { Target } from '../answer.ts'
import { type Answered, done, failed, type Invocation, stateIn } from '../invocation.ts'
import type { Command, Machine } from '../machine.ts'
import type { PortAnswer } from '../model/docker-model.ts'
import { type HttpAnswer, type UrlTarget, urlTarget } from '../model/network-model.ts'

/** What a question over the network takes. */
const askMs = 20

/** Asks a URL once; `null`: it is none. */
export async function askUrl(
  call: Invocation,
  machine: Machine,
  url: UrlTarget,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET'
): Promise<HttpAnswer> {
  await call.self.sleep(askMs, stateIn(call, `ask ${url.key}`))
  const answer = machine.network.ask(url, { headers, method })
  note(call, machine, url, answer, answer.status === 0 ? 'refused' : String(answer.status))
  return answer
}

/** Opens a connection once. */
export async function askPort(
  call: Invocation,
  machine: Machine,
  host: string,
  port: number
): Promise<PortAnswer> {
  await call.self.sleep(askMs, stateIn(call, `ask ${host}:${port}`))
  const answer = machine.network.connect(host, port)
  note(call, machine, portTarget(host, port), answer, answer.open ? 'open' : 'refused')
  return answer
}

export function portTarget(host: string, port: number): Target {
  return { kind: 'port', key: `${host}:${port}`, host, port }
}

export function note(
  call: Pick<Invocation, 'unit' | 'place' | 'argv'>,
  { notes }: Machine,
  target: Target,
  answer: PortAnswer,
  said: string
): void {
  notes.ask(call, { target, answer: said, by: answer.open ? answer.by : null })
  if (answer.unknown !== null)
    notes.unknown({
      name: target.key,
      kind: 'answer',
      unit: call.unit,
      place: call.place,
      why: answer.unknown.why
    })
}

/** What a page holds is not known; whoever looks for something in it finds it, see `grep`. */
export const bodyMark = '\u{fffc}body'

const notFound = '404 page not found\n'

export function bodyOf(url: UrlTarget, { status }: HttpAnswer): string {
  if (status === 0) return ''
  return status >= 400 ? notFound : `${bodyMark} of ${url.key}\n`
}

/** Short options of curl that take a value. */
const shortValues = new Set('AbcCdDeEFhHKmoPQrtTuUwxXyYz')

const longValues =
  /^--(?:output|header|max-time|connect-timeout|request|write-out|user|data(?:-\w+)?|json|retry|retry-delay|retry-max-time|resolve|connect-to|cacert|capath|cert|key|user-agent|proxy|noproxy|interface|config|cookie|cookie-jar|form|limit-rate|max-redirs|range|referer|unix-socket|abstract-unix-socket|upload-file|url|aws-sigv4|ciphers|dns-servers|dump-header|expect100-timeout|keepalive-time|local-port|max-filesize|netrc-file|output-dir|parallel-max|pinnedpubkey|proto|proto-default|pass|proxy-user|service-name|speed-limit|speed-time|stderr|tls-max|tls13-ciphers|trace|trace-ascii|url-query|variable)$/

interface CurlRequest {
  readonly urls: string[]
  readonly headers: Record<string, string>
  readonly flags: Set<string>
  readonly values: Map<string, string>
}

const shortNames: Readonly<Record<string, string>> = {
  f: 'fail',
  s: 'silent',
  S: 'show-error',
  k: 'insecure',
  L: 'location',
  I: 'head',
  i: 'include',
  v: 'verbose',
  o: 'output',
  O: 'remote-name',
  w: 'write-out',
  m: 'max-time',
  H: 'header',
  X: 'request',
  K: 'config',
  u: 'user',
  d: 'data',
  A: 'user-agent'
}

function curlWords(words: readonly string[], into: CurlRequest): void {
  const set = (name: string, value: string) => {
    if (name === 'header') {
      const at = value.indexOf(':')
      if (at > 0) into.headers[value.slice(0, at).trim().toLowerCase()] = value.slice(at + 1).trim()
    } else if (name === 'url') into.urls.push(value)
    else into.values.set(name, value)
  }
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word.startsWith('--')) {
      const name = word.slice(2)
      if (longValues.test(word)) set(name, words[++at] ?? '')
      else into.flags.add(name)
    } else if (word.startsWith('-') && word.length > 1) {
      for (let index = 1; index < word.length; index++) {
        const letter = word[index] ?? ''
        const name = shortNames[letter] ?? letter
        if (shortValues.has(letter)) {
          set(name, word.slice(index + 1) || (words[++at] ?? ''))
          break
        }
        into.flags.add(name)
      }
    } else into.urls.push(word)
  }
}

/** A file of `curl -K`: an option a line, `name = "value"`. */
function configWords(text: string): readonly string[] {
  return text.split('\n').flatMap(line => {
    const words = line.trim().replace(/^--?/, '')
    const [name = ''] = /^[\w-]+/.exec(words) ?? []
    const raw = words.slice(name.length).trim().replace(/^[=:]/, '').trim()
    if (name === '' || /^\s*#/.test(line)) return []
    const value = raw.replaceAll(/^"|"$/g, '')
    const word = name.length === 1 ? `-${name}` : `--${name}`
    return value === '' ? [word] : [word, value]
  })
}

export const curl: Command = async (call, machine) => {
  const request: CurlRequest = { urls: [], headers: {}, flags: new Set(), values: new Map() }
  curlWords(call.argv.slice(1), request)
  const config = request.values.get('config')
  if (config !== undefined) {
    const read = config === '-' ? null : await machine.files.look(config)
    if (read?.kind === 'text') curlWords(configWords(read.text), request)
    else if (config === '-') curlWords(configWords(call.stdin), request)
    else {
      const why = read !== null && 'why' in read ? read.why : 'it is no file'
      const thing = { name: config, kind: 'program', unit: call.unit, place: call.place, why } as const
      machine.notes.unknown(thing)
      machine.notes.opaqueStart(thing)
      return machine.choices.choose(`curl -K ${config} succeeds`, 2, [call.unit]) === 0 ? done() : failed(7)
    }
  }
  const { flags, values } = request
  if (flags.has('version') || flags.has('help')) return done('curl 8.5.0\n')
  if (request.urls.length === 0) return failed(2, 'curl: (2) no URL specified\n')
  const socket = values.get('unix-socket')
  let stdout = ''
  let stderr = ''
  let code = 0
  for (const text of request.urls.flatMap(expanded)) {
    const url = urlTarget(text)
    if (url === null) return failed(3, 'curl: (3) URL rejected\n', stdout)
    if (socket !== undefined) {
      const open = await askSocket(call, machine, socket)
      code = open ? 0 : 7
      if (open) stdout += 'OK'
      continue
    }
    const one = await curlOnce(call, machine, url, request)
    stdout += one.stdout
    stderr += one.stderr
    code = one.code
  }
  return { stdout, stderr: flags.has('silent') && !flags.has('show-error') ? '' : stderr, code }
}

async function curlOnce(
  call: Invocation,
  machine: Machine,
  url: UrlTarget,
  { flags, values, headers }: CurlRequest
): Promise<Answered> {
  const method = values.get('request') ?? (flags.has('head') ? 'HEAD' : values.has('data') ? 'POST' : 'GET')
  const retries = Number(values.get('retry') ?? 0)
  const delay = Number(values.get('retry-delay') ?? 0)
  const most = Number(values.get('retry-max-time') ?? 0) * 1_000
  const began = machine.kernel.now()
  const fails = flags.has('fail') || flags.has('fail-with-body')
  for (let attempt = 0; ; attempt++) {
    // Each attempt is another one: by its number a loop of them is told from one that never ends.
    const state = call.state === null ? null : `${call.state} ${attempt}`
    const answer = await askUrl({ ...call, state }, machine, url, headers, method)
    const { status } = answer
    const failure = status === 0 ? (answer.unknown === null ? 7 : 6) : fails && status >= 400 ? 22 : 0
    const passing =
      flags.has('retry-all-errors') ||
      (status === 0 && flags.has('retry-connrefused')) ||
      /^(?:408|429|500|502|503|504)$/.test(String(status))
    const late = most > 0 && machine.kernel.now() - began >= most
    if (failure === 0 || attempt >= retries || !passing || late) {
      const body = bodyOf(url, answer)
      const output = values.get('output')
      if (output !== undefined && output !== '-' && status !== 0 && !output.startsWith('/dev/'))
        await machine.files.fs.writeFile(absoluteIn(call.cwd, output), body)
      const shown =
        (output === undefined || output === '-') && !(failure === 22 && !flags.has('fail-with-body'))
          ? `${flags.has('include') || flags.has('head') ? `HTTP/1.1 ${status}\r\n\r\n` : ''}${method === 'HEAD' ? '' : body}`
          : ''
      const written = writeOut(values.get('write-out') ?? '', status, url, failure)
      return {
        stdout: shown + written,
        stderr: failure === 0 ? '' : `curl: (${failure}) failed\n`,
        code: failure
      }
    }
    await call.self.sleep((delay > 0 ? delay : Math.min(2 ** attempt, 600)) * 1_000)
  }
}

function absoluteIn(cwd: string, path: string): string {
  return path.startsWith('/') ? path : `${cwd === '/' ? '' : cwd}/${path}`
}

function writeOut(format: string, status: number, url: UrlTarget, exitCode: number): string {
  const code = String(status).padStart(3, '0')
  const known: Readonly<Record<string, string>> = {
    http_code: code,
    response_code: code,
    exitcode: String(exitCode),
    url_effective: url.key,
    num_connects: status === 0 ? '0' : '1',
    ssl_verify_result: '0',
    remote_ip: '127.0.0.1',
    scheme: url.tls ? 'HTTPS' : 'HTTP',
    http_version: '1.1',
    errormsg: '',
    content_type: 'text/html',
    redirect_url: ''
  }
  return format
    .replaceAll(/%\{(\w+)\}/g, (_, name: string) => (Object.hasOwn(known, name) ? (known[name] ?? '') : '0'))
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\r', '\r')
    .replaceAll('%%', '%')
}

/** `https://x/{a,b}` and `[1-3]` of curl. */
function expanded(text: string): readonly string[] {
  for (let from = 0; ; ) {
    const close = text.indexOf('}', from)
    if (close < 0) return [text]
    const open = text.slice(from, close).lastIndexOf('{')
    const list = open < 0 ? '' : text.slice(from + open + 1, close)
    if (list.includes(',')) {
      const [before, after] = [text.slice(0, from + open), text.slice(close + 1)]
      return list
        .split(',')
        .flatMap(one => expanded(`${before}${one}${after}`))
        .slice(0, 50)
    }
    from = close + 1
  }
}

async function askSocket(call: Invocation, machine: Machine, path: string): Promise<boolean> {
  await call.self.sleep(askMs, stateIn(call, `ask ${path}`))
  const isDocker = path.endsWith('docker.sock')
  const open = isDocker ? machine.docker.isUp() : machine.files.writer(path) !== null
  machine.notes.ask(call, {
    target: isDocker ? { kind: 'engine', key: 'docker' } : { kind: 'file', key: path },
    answer: open ? 'open' : 'refused',
    by: open ? (isDocker ? machine.docker.engineUnit() : machine.files.writer(path)) : null
  })
  return open
}

export const wget: Command = async (call, machine) => {
  const urls: string[] = []
  const headers: Record<string, string> = {}
  const values = new Map<string, string>()
  let toStdout = false
  let output: string | null = null
  const words = call.argv.slice(1)
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const [, long, joined] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? []
    if (long !== undefined) {
      const takes =
        /^(?:tries|timeout|wait|waitretry|header|user-agent|output-document|output-file|post-data|post-file|method|body-data|retry-on-http-error|connect-timeout|read-timeout|dns-timeout|directory-prefix|user|password|ca-certificate)$/.test(
          long
        )
      const value = joined ?? (takes ? (words[++at] ?? '') : '')
      if (long === 'header') {
        const colon = value.indexOf(':')
        if (colon > 0) headers[value.slice(0, colon).toLowerCase()] = value.slice(colon + 1).trim()
      } else if (long === 'output-document') output = value
      else values.set(long, value)
    } else if (/^-[A-Za-z]/.test(word)) {
      for (let index = 1; index < word.length; index++) {
        const letter = word[index] ?? ''
        if (word.slice(index - 1).startsWith('-nv') || (letter === 'n' && index === 1)) break
        if ('OotTwUPaiYQ'.includes(letter)) {
          const value = word.slice(index + 1) || (words[++at] ?? '')
          if (letter === 'O') output = value
          if (letter === 't') values.set('tries', value)
          if (letter === 'w') values.set('wait', value)
          break
        }
      }
    } else urls.push(word)
  }
  toStdout = output === '-'
  const url = urlTarget(urls[0] ?? '')
  if (url === null) return failed(1, 'wget: missing URL\n')
  const tries = values.has('tries') ? Number(values.get('tries')) || Number.POSITIVE_INFINITY : 20
  const pause = Number(values.get('waitretry') ?? 10)
  const onErrors = new Set((values.get('retry-on-http-error') ?? '').split(','))
  for (let attempt = 1; ; attempt++) {
    const state = call.state === null ? null : `${call.state} ${Number.isFinite(tries) ? attempt : ''}`
    const answer = await askUrl(
      { ...call, state },
      machine,
      url,
      headers,
      values.has('spider') ? 'HEAD' : 'GET'
    )
    const { status } = answer
    const code = status === 0 ? 4 : status >= 400 ? 8 : 0
    const again =
      (status === 0 && answer.unknown === null && values.has('retry-connrefused')) ||
      onErrors.has(String(status))
    if (code === 0 || attempt >= tries || !again) {
      const body = code === 0 && !values.has('spider') ? bodyOf(url, answer) : ''
      if (output !== null && !toStdout && code === 0 && !output.startsWith('/dev/'))
        await machine.files.fs.writeFile(absoluteIn(call.cwd, output), body)
      return { stdout: toStdout ? body : '', stderr: code === 0 ? '' : 'wget: failed\n', code }
    }
    await call.self.sleep(Math.min(attempt, pause || 0) * 1_000 || 1)
  }
}

/** HTTPie and its like: any answer is a success, unless `--check-status` is given. */
export const httpie: Command = async (call, machine) => {
  const words = call.argv.slice(1)
  const methods = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/i
  const text = words.find(
    (word, at) =>
      !word.startsWith('-') &&
      !methods.test(word) &&
      !/^--(?:timeout|auth|verify|print|session)$/.test(words[at - 1] ?? '')
  )
  const url = urlTarget(text?.startsWith(':') === true ? `localhost${text ?? ''}` : (text ?? ''))
  if (url === null) return failed(1)
  const answer = await askUrl(call, machine, url)
  if (answer.status === 0) return failed(1)
  // xh checks the status by itself.
  const checks = words.includes('--check-status') || call.argv[0]?.endsWith('xh') === true
  const { status } = answer
  return checks && status >= 400 ? failed(status >= 500 ? 5 : 4) : done(bodyOf(url, answer))
}
