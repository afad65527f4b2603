import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { promisify } from 'node:util'

/** A process, told from every other one that had its number or will have it. */
export interface ProcessId {
  readonly pid: number
  /** When it began, as its system writes it: after a reboot nobody has the same number since the same tick. */
  readonly born: string
  /** Of which machine and which namespace the number is one. */
  readonly realm: { readonly machine: string; readonly namespace: string }
}

/** `unknown`: it runs, or ran, where we cannot see its number. */
export type Life = 'alive' | 'gone' | 'unknown'

export async function thisProcess(): Promise<ProcessId> {
  const { pid } = process
  return { pid, born: (await bornOf(pid)) ?? 'unknown', realm: await realmHere() }
}

/** Whether a process that was written down still runs. */
export async function lifeOf({ pid, born, realm }: ProcessId): Promise<Life> {
  const here = await realmHere()
  // Containers have a name of their own: another name may be another machine, or a look from outside.
  if (realm.machine !== here.machine || realm.namespace !== here.namespace) return 'unknown'
  const now = await bornOf(pid)
  if (now === null && isThere(pid)) return 'unknown'
  return now === born ? 'alive' : 'gone'
}

/** Whether a process has this number, also where the system hides what it is (`hidepid`). */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function realmHere(): Promise<ProcessId['realm']> {
  return { machine: hostname(), namespace: await orEmpty(readlink('/proc/self/ns/pid')) }
}

/** When the process with this number began: clock ticks since boot on Linux, a date elsewhere; null: there is none. */
async function bornOf(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const stat = await orEmpty(readFile(`/proc/${pid}/stat`, 'utf8'))
    // The name of the program, in parentheses, may hold anything, parentheses included.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  }
  const asked = promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' },
    timeout: 5_000
  })
  const born = await asked.then(
    ({ stdout }) => stdout.trim(),
    () => ''
  )
  return born === '' ? null : born
}

/** What the system does not tell is empty: a system without it, or a process that is gone. */
async function orEmpty(asked: Promise<string>): Promise<string> {
  try {
    return await asked
  } catch {
    return ''
  }
}
