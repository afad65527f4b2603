import type { Command } from '../machine.ts'
import { curl } from './curl.ts'
import { docker } from './docker-command.ts'
import { dockerd } from './dockerd.ts'
import { sleep } from './sleep.ts'

/** What the model answers for, by the base name of the program. Text tools (grep, sed …) are the interpreter's. */
export const commands: Readonly<Record<string, Command>> = { curl, docker, dockerd, sleep }
