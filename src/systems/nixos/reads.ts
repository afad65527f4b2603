import { type Pattern, readCommand } from '../../facts/read-command.ts'

/**
 * What may be asked of NixOS. Names come from a plan, ids and paths from the host's earlier answers: they are always
 * words after `--`, or words that a leading `-` cannot turn into an option.
 */
export const nixosPattern = {
  nixosVersion: () => ['nixos-version', '--json'],
  nixosSwitch: () => ['stat', '-c', '%Y', '--', '/run/current-system'],
  nixosKernels: () => ['readlink', '-f', '--', '/run/booted-system/kernel', '/run/current-system/kernel']
} as const satisfies Record<string, (...words: never[]) => Pattern>

/** The same, filled in and with what counts as an answer. */
export const nixosRead = {
  /** Exit 127 is an answer: no NixOS. */
  nixosVersion: () => readCommand(nixosPattern.nixosVersion(), { answers: [0, 127] }),
  /** When the system that is active now was activated, in seconds since 1970. Exit 1 is an answer: no NixOS. */
  nixosSwitch: () => readCommand(nixosPattern.nixosSwitch(), { answers: [0, 1] }),
  /** Which kernel was booted, and which one the system that is active now has. Exit 1 is an answer: no NixOS. */
  nixosKernels: () => readCommand(nixosPattern.nixosKernels(), { answers: [0, 1] })
} as const
