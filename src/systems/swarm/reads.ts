import { placeholder, large, type Pattern, readCommand } from '../../facts/read-command.ts'

const json = ['--format', '{{json .}}'] as const

/**
 * What may be asked of the swarm. Names come from a plan, ids and paths from the host's earlier answers: they are always
 * words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const swarmPattern = {
  dockerServiceList: () => ['docker', 'service', 'ls', ...json],
  dockerServices: () => ['docker', 'service', 'inspect', '--', placeholder.ids],
  dockerServiceTasks: () => ['docker', 'service', 'ps', '--no-trunc', ...json, '--', placeholder.ids],
  dockerTasks: () => ['docker', 'inspect', '--type', 'task', '--', placeholder.ids],
  dockerNodes: () => ['docker', 'node', 'ls', ...json],
  dockerNodeDetails: () => ['docker', 'node', 'inspect', '--', placeholder.ids]
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const swarmRead = {
  dockerServiceList: () => readCommand(swarmPattern.dockerServiceList(), { priority: 2 }),
  dockerServices: (found: readonly string[]) => readCommand(swarmPattern.dockerServices(), large, ...found),
  dockerServiceTasks: (found: readonly string[]) =>
    readCommand(swarmPattern.dockerServiceTasks(), { ...large, priority: 1 }, ...found),
  /** Exit 1 is an answer too: a task may be gone since it was listed, and the others are printed all the same. */
  dockerTasks: (found: readonly string[]) =>
    readCommand(swarmPattern.dockerTasks(), { ...large, answers: [0, 1] }, ...found),
  dockerNodes: () => readCommand(swarmPattern.dockerNodes()),
  dockerNodeDetails: (found: readonly string[]) =>
    readCommand(swarmPattern.dockerNodeDetails(), large, ...found)
} as const
