import type { Run } from './answer.ts'
import { createChoices, type Decisions } from './choices.ts'
import { note } from './commands/http.ts'
import { createKernel } from './kernel.ts'
import type { Machine } from './machine.ts'
import { createDocker, type Prior } from './model/docker-model.ts'
import { createFiles } from './model/file-model.ts'
import { createNetwork } from './model/network-model.ts'
import { createSystemd } from './model/systemd-model.ts'
import { createNotes } from './notes.ts'
import { createDesk } from './programs/desk.ts'
import { runProgram } from './programs/run-program.ts'
import type { RehearsalFacts } from './rehearsal-facts.ts'

/** Two virtual hours; what has not ended by then does not end. */
const horizon = 7_200_000

/** What is still looked at once every start has ended: what was started beside them. */
const after = 300_000

const limits = { horizon, turns: 150_000, sleeps: 20_000 } as const

export interface Booted {
  readonly run: Run
  readonly machine: Machine
}

export interface BootOptions {
  readonly decisions: Decisions
  readonly isLetGo: (unit: string) => boolean
  readonly prior: Prior | null
}

/** One boot of the host that the facts describe. */
export async function bootOnce(facts: RehearsalFacts, options: BootOptions): Promise<Booted> {
  const kernel = createKernel()
  const choices = createChoices(options.decisions)
  const notes = createNotes(kernel)
  const desk = createDesk(() => notes, kernel.running)
  const systemd = createSystemd(facts, options, () => machine)
  const files = createFiles(facts, {
    notes,
    changed: kernel.touch,
    who: desk.who,
    mark: desk.mark,
    connect: (host, port) => {
      const who = desk.who()
      const answer = network.connect(host, port)
      const target = { kind: 'port', key: `${host}:${port}`, host, port } as const
      if (who !== null) note(who, machine, target, answer, answer.open ? 'open' : 'refused')
      return answer.open
    }
  })
  const docker = createDocker(facts, {
    files,
    notes,
    kernel,
    choices,
    systemd: () => systemd,
    prior: options.prior,
    asker: () => desk.who()?.unit ?? null
  })
  const network = createNetwork(facts, docker, choices, () => systemd)
  const machine: Machine = {
    facts,
    kernel,
    choices,
    notes,
    files,
    docker,
    network,
    systemd,
    desk,
    run: program => runProgram(program, machine)
  }
  const ended = await atVirtualTime(facts, kernel, () => {
    systemd.boot()
    return kernel.run({
      ...limits,
      over: () => systemd.settled() && kernel.now() > systemd.lastChange() + after
    })
  })
  const { timeline, up } = notes
  return {
    machine,
    run: { ended, lasted: kernel.now(), timeline, units: systemd.ends(), up, docker: docker.end() }
  }
}

/** What a shell's own variables say of the time, and of chance, is of the rehearsed boot: the same each time. */
async function atVirtualTime<T>(
  { host }: RehearsalFacts,
  kernel: { readonly now: () => number },
  body: () => Promise<T>
): Promise<T> {
  const { now } = Date
  const { random } = Math
  let seed = 1
  Date.now = () => host.bootAt * 1_000 + kernel.now()
  Math.random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff
    return seed / 0x80_00_00_00
  }
  try {
    return await body()
  } finally {
    Date.now = now
    Math.random = random
  }
}
