import { type Command, type Machine } from '../machine.ts'
import { type Answered, done, failed, type Invocation } from '../invocation.ts'

/** What a call of Docker's engine takes. */
const askMs = 50

type Sub = (words: readonly string[], call: Invocation, machine: Machine) => Answered

const subs: Readonly<Record<string, Sub>> = {
  'stack deploy': deploy,
  'network create': createNetwork,
  'network inspect': (words, _call, { docker }) =>
    docker.networks().some(({ name }) => words.includes(name))
      ? done('[]\n')
      : failed(1, 'Error: No such network\n')
}

export const docker: Command = async (call, machine) => {
  await call.self.sleep(askMs)
  if (!machine.docker.isUp()) return failed(1, 'Cannot connect to the Docker daemon\n')
  const words = call.argv.slice(1)
  const name = words.slice(0, 2).join(' ')
  const sub = Object.hasOwn(subs, name) ? subs[name] : undefined
  if (sub !== undefined) return sub(words.slice(2), call, machine)
  machine.notes.unknown({
    name: `docker ${name}`,
    kind: 'program',
    unit: call.unit,
    place: call.place,
    why: 'it is not rehearsed'
  })
  return failed(1, `docker ${name} is not rehearsed\n`)
}

function deploy(words: readonly string[], { unit }: Invocation, { docker }: Machine): Answered {
  const files: string[] = []
  const names: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const [, joined] = /^--compose-file=(.*)$/.exec(word) ?? []
    if (joined !== undefined) files.push(joined)
    else if (word === '-c' || word === '--compose-file') files.push(words[++at] ?? '')
    else if (!word.startsWith('-')) names.push(word)
  }
  const wrong = docker.deploy(unit, names[0] ?? '', files)
  return wrong === null ? done() : failed(1, `${wrong}\n`)
}

function createNetwork(words: readonly string[], { unit }: Invocation, { docker }: Machine): Answered {
  const values = new Map<string, string>()
  const names: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const [, key, value] = /^(-d|--(?:driver|subnet))(?:=(.*))?$/.exec(word) ?? []
    if (key !== undefined) values.set(key, value ?? words[++at] ?? '')
    else if (!word.startsWith('-')) names.push(word)
  }
  const subnet = values.get('--subnet')
  const wrong = docker.createNetwork(unit, {
    name: names[0] ?? '',
    driver: values.get('-d') ?? values.get('--driver') ?? 'bridge',
    subnets: subnet === undefined ? [] : [subnet]
  })
  return wrong === null ? done() : failed(1, `Error response from daemon: ${wrong}\n`)
}
