import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import type { Answer, HostSession } from '../../src/facts/session.ts'
import { parseGoTime } from '../../src/lib/instant.ts'
import { type ReadCommand, typed } from '../../src/facts/read-command.ts'

const recording = z.object({
  argv: z.array(z.string()),
  exit: z.number(),
  stdout: z.string(),
  stderr: z.string()
})

/** Which recording answers which question. The recordings ask about everything, by full id, and without `--`. */
const files: readonly (readonly [RegExp, string])[] = [
  [/^docker network ls /, 'docker-network-ls'],
  [/^docker network inspect /, 'docker-network-inspect'],
  [/^docker ps /, 'docker-ps'],
  [/^docker service ls /, 'docker-service-ls'],
  [/^docker service inspect /, 'docker-service-inspect'],
  [/^docker service ps /, 'docker-service-ps'],
  [/^docker inspect --type task /, 'docker-inspect-task'],
  [/^docker info /, 'docker-info'],
  [/^docker node ls /, 'docker-node-ls'],
  [/^ip -j addr /, 'ip-addr'],
  [/^ip -j -4 route /, 'ip-route'],
  [/^ip -j -6 route /, 'ip-6-route']
]

/** The hosts that were recorded; `versions.json` beside each recording says what ran on it. */
export const recordedHosts = ['debian-12', 'debian-13'] as const
export type RecordedHost = (typeof recordedHosts)[number]

/** Before or after the maintenance. */
export type Edition = 'before' | 'after'

/** What one of the recorded hosts answered to one command. */
export function recorded(host: RecordedHost, edition: Edition, name: string): z.infer<typeof recording> {
  const url = new URL(`../host/recordings/${host}/${edition}/${name}.json`, import.meta.url)
  return recording.parse(JSON.parse(readFileSync(fileURLToPath(url), 'utf8')))
}

/** A real test host as it was recorded before or after the maintenance: see test/host. */
export function realHost(host: RecordedHost, edition: Edition): HostSession {
  const read = (file: string) => recorded(host, edition, file)
  const answer = (command: ReadCommand): Answer => {
    const text = typed(command)
    const engine = text.endsWith(' docker.service')
    const file = engine ? 'systemctl-show-services' : files.find(([pattern]) => pattern.test(text))?.[1]
    if (file === undefined) return { answered: false, why: `${text} was not recorded`, ms: 0 }
    const { exit, stdout, stderr } = read(file)
    const said = engine ? engineStart(stdout) : stdout
    return { answered: true, exit, stdout: said, stderr, ms: 1, cut: false }
  }
  const [date = '', fraction = ''] = read('date').stdout.trim().replace('T', ' ').replace('Z', '').split('.')
  return {
    ask: commands => commands.map(async command => answer(command)),
    clock: { hostMicros: parseGoTime(`${date}.${fraction} +0000 UTC`), skewMs: 0, uncertaintyMs: 1 },
    stats: { connections: 1, execs: 1, reads: 0 },
    close: async () => undefined
  }
}

/** The recordings have no InactiveExitTimestamp: the time at which the engine was ready stands in for it. */
function engineStart(services: string): string {
  const unit = services.split('\n\n').find(text => text.split('\n').includes('Id=docker.service')) ?? ''
  const ready = /^ActiveEnterTimestamp=(.*)$/m.exec(unit)?.[1] ?? ''
  return `LoadState=loaded\nInactiveExitTimestamp=${ready}\n`
}
