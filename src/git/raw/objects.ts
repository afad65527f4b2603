import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { AdversaryError } from '../../lib/errors.ts'
import { endProcess, notStartedOn, startGit } from '../process.ts'
import { readTree, type Tree } from './trees.ts'

/** One object of the clone as git stores it. */
export interface GitObject {
  readonly sha: string
  readonly type: 'blob' | 'tree' | 'commit' | 'tag'
  readonly bytes: Buffer
}

/** Reads objects through one pair of `cat-file` processes, which is what makes many small reads cheap. */
export interface ObjectReader {
  /** Null where the clone has no such object; takes a ref as well, `refs/…^{commit}`. */
  size(sha: string): Promise<{ readonly sha: string; readonly type: string; readonly size: number } | null>
  read(sha: string): Promise<GitObject | null>
  tree(sha: string): Promise<Tree | null>
  /** Ends the processes if nothing is being read; the next question starts them again. */
  rest(): void
  close(): void
}

/** How many entries of trees are remembered, some 190 bytes each: four megabytes. */
const treeEntriesHeld = 20_000

export function objectReader(dir: string): ObjectReader {
  const checks = conversation(dir, '--batch-check')
  const reads = conversation(dir, '--batch')
  const trees = new Map<string, Tree>()
  let entriesHeld = 0
  // A file that grows is read as of each commit and as of its parent: mostly the one just read.
  let recent: readonly GitObject[] = []

  return {
    async size(sha) {
      const answer = await checks.ask(sha)
      return answer === null ? null : { sha: answer.sha, type: answer.type, size: answer.size }
    },
    async read(sha) {
      const known = recent.find(object => object.sha === sha)
      if (known !== undefined) return known
      const answer = await reads.ask(sha)
      if (answer === null) return null
      const { type } = answer
      if (type !== 'blob' && type !== 'tree' && type !== 'commit' && type !== 'tag') {
        throw new AdversaryError('repository', `${sha} is a ${type}`)
      }
      const object: GitObject = { sha: answer.sha, type, bytes: answer.bytes }
      if (type === 'blob') recent = [object, ...recent.slice(0, 2)]
      return object
    },
    async tree(sha) {
      const known = trees.get(sha)
      if (known !== undefined) {
        // Asked for last, forgotten last.
        trees.delete(sha)
        trees.set(sha, known)
        return known
      }
      const object = await this.read(sha)
      if (object === null || object.type !== 'tree') return null
      const tree = readTree(object.bytes, object.sha.length / 2)
      // By entries: each new piece of evidence makes another version of a folder that holds all the others.
      // Who asked at the same moment has put it there already.
      if (!trees.has(sha)) entriesHeld += tree.entries.length
      trees.set(sha, tree)
      for (const [oldest, { entries }] of trees) {
        if (entriesHeld <= treeEntriesHeld || oldest === sha) break
        trees.delete(oldest)
        entriesHeld -= entries.length
      }
      return tree
    },
    rest() {
      if (checks.idle() && reads.idle()) this.close()
    },
    close() {
      checks.close()
      reads.close()
      recent = []
      trees.clear()
      entriesHeld = 0
    }
  }
}

/** How long an answer may keep silent, in milliseconds. */
const silenceMs = 60_000

interface Answered {
  readonly sha: string
  readonly type: string
  readonly size: number
  readonly bytes: Buffer
}

interface Waiting {
  settle(answer: Answered | null): void
  reject(error: Error): void
}

/** Questions and answers of one `cat-file --batch…` process, in the order they were asked. */
function conversation(dir: string, mode: '--batch' | '--batch-check') {
  let child: ChildProcessWithoutNullStreams | undefined
  let waiting: Waiting[] = []
  let chunks: Buffer[] = []
  let held = 0
  /** How many bytes must be there before the next answer can be taken; 0 while its header is not known. */
  let wanted = 0
  let silence: NodeJS.Timeout | undefined

  const fail = (error: Error) => {
    clearTimeout(silence)
    const lost = waiting
    waiting = []
    chunks = []
    held = 0
    wanted = 0
    if (child !== undefined) endProcess(child)
    child = undefined
    for (const { reject } of lost) reject(error)
  }

  const take = () => {
    while (waiting.length > 0 && held > 0 && held >= wanted) {
      const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
      chunks = [all]
      const end = all.indexOf(10)
      if (end < 0) return
      const header = all.toString('utf8', 0, end)
      const match = /^(?<sha>[0-9a-f]{40,64}) (?<type>[a-z]+) (?<size>\d+)$/.exec(header)?.groups
      const size = Number(match?.['size'] ?? 0)
      const body = match === undefined || mode === '--batch-check' ? 0 : size + 1
      if (all.length < end + 1 + body) {
        wanted = end + 1 + body
        return
      }
      wanted = 0
      const rest = all.subarray(end + 1 + body)
      chunks = rest.length > 0 ? [rest] : []
      held = rest.length
      const next = waiting.shift()
      if (match === undefined) {
        if (/ (?:missing|ambiguous)$/.test(header)) next?.settle(null)
        else next?.reject(new AdversaryError('repository', `git cat-file returned ${JSON.stringify(header)}`))
      } else {
        const bytes = Buffer.from(all.subarray(end + 1, end + 1 + Math.max(0, body - 1)))
        next?.settle({ sha: match['sha'] ?? '', type: match['type'] ?? '', size, bytes })
      }
    }
    if (waiting.length === 0) rest()
  }

  /** A disk that hangs must not hold up the reviewer. */
  const listen = () => {
    clearTimeout(silence)
    const late = `git cat-file did not answer within ${silenceMs} ms`
    silence = setTimeout(() => fail(new AdversaryError('repository', late)), silenceMs)
  }

  /** An idle process does not keep ours alive. */
  const rest = () => {
    clearTimeout(silence)
    child?.unref()
    for (const stream of [child?.stdin, child?.stdout, child?.stderr]) {
      if (stream !== undefined && 'unref' in stream && typeof stream.unref === 'function') stream.unref()
    }
  }
  const wake = (started: ChildProcessWithoutNullStreams) => {
    started.ref()
    for (const stream of [started.stdin, started.stdout, started.stderr]) {
      if ('ref' in stream && typeof stream.ref === 'function') stream.ref()
    }
  }

  const start = () => {
    const started = startGit(dir, ['cat-file', mode])
    let errors = ''
    started.stdout.on('data', (bytes: Buffer) => {
      // What one that was given up said last may be read only now: it answers nothing that the next one is asked.
      if (child !== started) return
      chunks.push(bytes)
      held += bytes.length
      listen()
      take()
    })
    started.stderr.on('data', (bytes: Buffer) => {
      if (errors.length < 2000) errors += bytes.toString()
    })
    started.stdin.on('error', () => undefined)
    started.on('error', error => child === started && fail(notStartedOn(dir, error)))
    started.on('close', () => {
      if (child === started) {
        fail(
          new AdversaryError(
            'repository',
            `the clone cannot be read: ${errors.trim() || 'git cat-file exited'}`
          )
        )
      }
    })
    return started
  }

  return {
    ask(name: string): Promise<Answered | null> {
      if (!isName(name)) throw new RangeError(`${JSON.stringify(name)} is not an object name`)
      return new Promise((settle, reject) => {
        child ??= start()
        wake(child)
        waiting.push({ settle, reject })
        listen()
        child.stdin.write(`${name}\n`)
      })
    },
    idle: () => waiting.length === 0,
    close() {
      fail(new AdversaryError('repository', 'the clone was closed'))
    }
  }
}

/** A sha, or as much of it as tells it apart, or the commit of a ref by its whole name. */
function isName(name: string): boolean {
  return /^(?:[0-9a-f]{4,64}|refs\/[^\p{Cc}\s]+\^\{commit\})$/u.test(name)
}
