import { placeholder, large, type Pattern, readCommand } from '../../facts/read-command.ts'

const json = ['--format', '{{json .}}'] as const

/**
 * What may be asked of Docker. Names come from a plan, ids and paths from the host's earlier answers: they are always
 * words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const dockerPattern = {
  dockerNetworkList: () => ['docker', 'network', 'ls', '--no-trunc', ...json],
  dockerNetworks: () => ['docker', 'network', 'inspect', '--', placeholder.ids],
  /** The same question in other words: whoever asks it wants a second look, and not the first one's answer. */
  dockerNetworksAgain: () => ['docker', 'network', 'inspect', ...json, '--', placeholder.ids],
  dockerContainers: () => ['docker', 'ps', '--all', '--no-trunc', ...json],
  dockerInfo: () => ['docker', 'info', ...json],
  engineStart: () => [
    'systemctl',
    'show',
    '-p',
    'LoadState,InactiveExitTimestamp',
    '--timestamp=us+utc',
    'docker.service'
  ]
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const dockerRead = {
  dockerNetworkList: () => readCommand(dockerPattern.dockerNetworkList(), { priority: 1 }),
  dockerNetworks: (found: readonly string[]) => readCommand(dockerPattern.dockerNetworks(), large, ...found),
  /** Exit 1 is an answer: a network may be gone since the first look, and the others are printed all the same. */
  dockerNetworksAgain: (found: readonly string[]) =>
    readCommand(dockerPattern.dockerNetworksAgain(), { ...large, answers: [0, 1] }, ...found),
  /** Every container that the engine knows, whatever became of it. */
  dockerContainers: () => readCommand(dockerPattern.dockerContainers(), large),
  dockerInfo: () => readCommand(dockerPattern.dockerInfo()),
  engineStart: () => readCommand(dockerPattern.engineStart())
} as const
