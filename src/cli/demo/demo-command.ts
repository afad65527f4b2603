import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { AdversaryError } from '../../lib/errors.ts'
import { nowMs, sleep, tick } from '../../os/clock.ts'
import { maintenanceMs, recordedPhase } from './recording.ts'
import { proxyGate } from './pvfix.ts'
import { setStage, type Stage, writeHome } from './stage.ts'
import { runGit } from '../../git/process.ts'
import { serveRecordedHost } from '../../ssh/recorded-host.ts'
import type { ExitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { shellWord } from '../../lib/text/shell-quote.ts'
import { pasted } from '../layout.ts'
import { run as gate } from '../gate/gate-command.ts'
import { run as review } from '../review/review-command.ts'
import { run as watch } from '../watch/watch-command.ts'

export interface DemoOptions extends CommonOptions {
  /** Play it in this new folder and keep it. */
  readonly keep?: string | undefined
}

/**
 * The main job on an embedded default: the reference phase on a recorded host. Everything from the SSH
 * client up is what production runs: real SSH and HTTP on loopback, real git, real signatures.
 */
export async function run(options: DemoOptions, io: Io): Promise<ExitCode> {
  const started = tick()
  const dir =
    options.keep === undefined
      ? await mkdtemp(join(tmpdir(), 'adversary-demo-'))
      : await newFolder(resolve(io.cwd, options.keep))
  const recording = await recordedPhase()
  const stage = await setStage(dir, io.signal)
  const host = await serveRecordedHost({ recordings: recording.before(nowMs()) })
  try {
    await writeHome(stage, host)
    const common: CommonOptions = { ...options, home: stage.home }
    const quiet = { ...common, quiet: true }
    const say = (text: string) => io.out(`\n${text}`)

    say(`A builder's repo, and a host recorded from ${recording.versions}.`)
    await stage.build('swarm: the proxy network as it is', { 'nix/modules/swarm.nix': recording.unpatched })

    say('1. There is no claim yet. The reviewer records the state of the host:')
    await watch({ ...quiet, once: true }, io)

    say('2. The builder commits claim(pvfix-M1), with the patch:')
    await stage.build('claim(pvfix-M1): proxy /16 patch + maintenance plan ready', {
      'nix/modules/swarm.nix': recording.patched
    })
    await watch({ ...quiet, once: true }, io)

    say('3. M2 is next. Before it is claimed, the reviewer checks it:')
    await review({ ...quiet, target: 'pvfix-M2' }, io)

    say('4. The builder claims M2 although it is not done:')
    await stage.build('claim(pvfix-M2): proxy recreated as 10.10.0.0/16; all services healthy; routes up')
    await watch({ ...quiet, once: true }, io)

    say('5. The maintenance is done, and the builder claims M2 again:')
    // Git keeps whole seconds: what is done now must lie clearly after the review of M1.
    await sleep(maintenanceMs + 2_000, io.signal)
    host.play(recording.after(nowMs()))
    await stage.build(proxyGate.message, proxyGate.files)
    await stage.build('claim(pvfix-M2): proxy recreated as 10.10.0.0/16; all services healthy; routes up')
    const code = await watch({ ...quiet, once: true }, io)

    say('6. A pipeline asks the gate, which trusts only signed reviews:')
    const open = await gate(
      {
        ...quiet,
        gate: 'pvfix-M2',
        remote: stage.remote,
        reviewer: 'adversary@example.test',
        allowedSigners: stage.allowedSigners
      },
      // Not the pipeline that the demo may happen to run in.
      { ...io, env: {}, cwd: stage.dir }
    )

    say('The last section of machine-docs/REVIEW-pvfix.md, as the builder reads it:')
    io.text(await lastSection(stage, io.signal))

    say(`That took ${((tick() - started) / 1000).toFixed(1)} s. Where to look:`)
    const places: readonly (readonly [what: string, command: string])[] = [
      ['the review file:', `git -C ${shellWord(stage.remote)} show main:machine-docs/REVIEW-pvfix.md`],
      ['the commits:', `git -C ${shellWord(stage.remote)} log --stat main`],
      ['the plan of the reviewer:', `cat ${shellWord(join(stage.home, 'plans/pvfix.yaml'))}`],
      [
        'the gate, asked again:',
        `${io.program} gate pvfix-M2 --remote ${shellWord(stage.remote)} --reviewer adversary@example.test --allowed-signers ${shellWord(stage.allowedSigners)}`
      ]
    ]
    for (const [what, command] of places) {
      io.out(`  ${what}`)
      io.text(pasted(command, io, 4).join('\n'))
    }
    return code === 0 ? open : code
  } finally {
    await host.close()
    await stage.close()
  }
}

async function lastSection(stage: Stage, signal: AbortSignal): Promise<string> {
  const shown = await runGit(stage.remote, ['show', 'main:machine-docs/REVIEW-pvfix.md'], { signal })
  const text = shown.stdout.toString()
  return text.slice(text.lastIndexOf('\n## M2: ')).trim()
}

async function newFolder(path: string): Promise<string> {
  try {
    await mkdir(path)
  } catch (error) {
    throw new AdversaryError('usage', `${path}: not a new folder`, {
      hint: 'name one that does not exist yet',
      cause: error
    })
  }
  return path
}
