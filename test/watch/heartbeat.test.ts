import { afterEach, expect, it } from 'vitest'
import type { WatcherStatus } from '../../src/watch/state.ts'
import { watch } from '../../src/watch/watch.ts'
import { eventually, makeScene, type Scene } from '../support/scene.ts'

/** The loop says that it goes on, and is silent when it does not. */

let scene: Scene
afterEach(() => scene.dispose())

it('beats while it waits, and not while a step of it hangs, though the process lives', async () => {
  scene = await makeScene({ more: ['poll: 10m', 'retry: 1s'] })
  const { context } = await scene.context()
  const beats: WatcherStatus[] = []
  const stop = new AbortController()
  let hang = () => undefined as unknown
  const hanging = new Promise<string | null>(done => {
    hang = () => done(null)
  })
  let polls = 0
  const git = {
    ...context.git,
    remoteTip: (branch: string) => {
      polls += 1
      return polls === 1 ? context.git.remoteTip(branch) : hanging
    }
  }
  const home = { ...context.home, pollMs: 1_000 }
  const said = { reviewed: () => undefined, oriented: () => undefined, hunted: () => undefined }
  const running = watch({ ...context, home, git, signal: stop.signal }, said, {
    once: false,
    pulse: { everyMs: 50, heartbeat: standing => beats.push(standing) }
  })

  await eventually(async () => polls === 2)
  // The steps of a turn, and the wait in pieces.
  expect(beats.length).toBeGreaterThan(10)
  expect(beats.at(-1)).toMatchObject({ doing: { what: 'asking the remote' }, polls: 1 })
  const before = beats.length
  await new Promise(done => setTimeout(done, 500))
  expect(beats).toHaveLength(before)

  stop.abort(new Error('enough'))
  hang()
  await running
})
