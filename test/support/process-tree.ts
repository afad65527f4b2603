import { readdirSync, readFileSync } from 'node:fs'

/** What a process and all that it started hold, watched while they run. */
export interface TreeWatch {
  /**
   * The most that they held at a time so far, in bytes: the process's own peak, and what its children held at most
   * besides the program text, which they share with it.
   */
  peakBytes(): number
  stop(): void
}

/** @param everyMs how often the children are looked at; the peak of the process itself is the kernel's own. */
export function watchTree(pid: number, everyMs = 50): TreeWatch {
  let own = 0
  let children = 0
  const look = () => {
    own = Math.max(own, memoryOf(pid, 'VmHWM'))
    const sum = descendantsOf(pid).reduce((total, child) => total + memoryOf(child, 'RssAnon'), 0)
    children = Math.max(children, sum)
  }
  look()
  const timer = setInterval(look, everyMs)
  return { peakBytes: () => own + children, stop: () => clearInterval(timer) }
}

function memoryOf(pid: number, field: 'VmHWM' | 'RssAnon'): number {
  const [, kilobytes = '0'] = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(fileOf(pid, 'status')) ?? []
  return Number(kilobytes) * 1024
}

function descendantsOf(pid: number): readonly number[] {
  let threads: readonly string[] = []
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    // It ended meanwhile.
  }
  const children = threads.flatMap(thread => fileOf(pid, `task/${thread}/children`).match(/\d+/g) ?? [])
  return children.map(Number).flatMap(child => [child, ...descendantsOf(child)])
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
