import { done, failed, stateIn } from '../invocation.ts'
import type { Command } from '../machine.ts'
import { askPort } from './http.ts'

/** `nc -z host port`, and its like; listening and sending are not rehearsed. */
export const nc: Command = async (call, machine) => {
  const plain: string[] = []
  const words = call.argv.slice(1)
  let unix = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (/^-[A-Za-z]*[wGqspixXTO]$/.test(word) && !word.startsWith('--')) at += 1
    else if (/^--(?:wait|source|source-port|delay|idle-timeout|proxy)$/.test(word)) at += 1
    else if (word === '-U') unix = true
    else if (!word.startsWith('-')) plain.push(word)
  }
  const [host = '', ports = ''] = plain
  if (unix) return failed(machine.files.writer(host) === null ? 1 : 0)
  if (words.some(word => /^-[a-z]*l/.test(word))) {
    await call.self.sleep(Number.POSITIVE_INFINITY)
    return done()
  }
  for (const port of portsOf(ports)) {
    const { open } = await askPort(call, machine, host, port)
    if (open) return done()
  }
  return failed(1)
}

function portsOf(text: string): readonly number[] {
  const [first = Number.NaN, last = first] = text.split('-').map(Number)
  if (!Number.isInteger(first) || !Number.isInteger(last)) return []
  return Array.from({ length: Math.min(last - first + 1, 20) }, (_, index) => first + index)
}

/** `openssl s_client -connect host:port`: what it prints of a connection that was made is that all is well. */
export const openssl: Command = async (call, machine) => {
  if (call.argv[1] !== 's_client') return done('00000000\n')
  const target = call.argv[call.argv.indexOf('-connect') + 1] ?? ''
  const name = call.argv.includes('-servername') ? call.argv[call.argv.indexOf('-servername') + 1] : undefined
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(target) ?? []
  if (port === '') return failed(1)
  const { open } = await askPort(call, machine, host, Number(port))
  if (!open) return failed(1, 'connect:errno=111\n')
  // The certificate of a name comes with its route.
  const url = {
    kind: 'url',
    key: `https://${name ?? host}/`,
    host: name ?? host,
    port: Number(port),
    path: '/',
    tls: true
  } as const
  const answer = machine.network.ask(url, { headers: {}, method: 'GET' })
  machine.notes.ask(call, { target: url, answer: String(answer.status), by: answer.by })
  const isServed = answer.status > 0 && answer.status < 400
  return done(
    `CONNECTED(00000003)\nsubject=CN = ${isServed ? url.host : 'TRAEFIK DEFAULT CERT'}\nVerify return code: ${isServed ? '0 (ok)' : '18 (self-signed certificate)'}\n`
  )
}

/** Own names are there; others answer or do not. */
export const ping: Command = async (call, { network, notes, choices }) => {
  const host = call.argv.findLast(word => !word.startsWith('-')) ?? ''
  await call.self.sleep(1_000, stateIn(call, 'ask'))
  if (network.isOwn(host)) return done()
  notes.unknown({
    name: host,
    kind: 'answer',
    unit: call.unit,
    place: call.place,
    why: 'it is not of this host'
  })
  return choices.choose(`${host} answers`, 2, [call.unit]) === 0 ? done() : failed(1)
}

/** `getent`, `host`, `dig`, `nslookup`: a name is known, as it was when the host ran. */
export const resolve: Command = async (call, { facts, network }) => {
  await call.self.sleep(20, stateIn(call, 'ask'))
  const names = call.argv.slice(1).filter(word => !/^[-+@]/.test(word))
  const name = names.at(-1) ?? ''
  const address = facts.host.addresses.find(one => !/^(?:127\.|::1)/.test(one)) ?? '127.0.0.1'
  return done(network.isOwn(name) ? `${address} ${name}\n` : `${address}\n`)
}
