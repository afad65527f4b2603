import { join, resolve } from 'node:path'
import { AdversaryError, messageOf } from '../../lib/errors.ts'
import { oneLine } from '../../lib/text/clean.ts'
import { nowMs } from '../../os/clock.ts'
import { replaceFile } from '../../os/files.ts'
import { boardFiles } from '../../board/pages.ts'
import { boardModel } from '../../board/read-model.ts'
import { snapshot } from '../../review/context/review-context.ts'
import { type ExitCode, exitCode } from '../../lib/words.ts'
import type { CommonOptions, Io } from '../io.ts'
import { packageVersion } from '../package.ts'
import { enter } from '../enter.ts'
import { seenWatcher } from './status-command.ts'
import { watcherModel } from './watcher-model.ts'

export interface BoardOptions extends CommonOptions {
  /** The folder to write to; made where it is not there. */
  readonly out?: string | undefined
  /** Address to which a commit's sha is added. */
  readonly commits?: string | undefined
}

/** The board as static pages. Its code says that it was written, not what it says: ask the gate for that. */
export async function run(options: BoardOptions, io: Io): Promise<ExitCode> {
  const { out } = options
  if (out === undefined) {
    throw new AdversaryError('usage', 'expected a folder to write to', { hint: '--out public' })
  }
  const commits = options.commits === undefined ? undefined : checkedCommits(options.commits)
  return enter(options, io, async context => {
    const at = await snapshot(context)
    io.progress('reading the evidence')
    const version = await packageVersion()
    const watcher = await seenWatcher(context.home, io)
    const model = await boardModel(context, at, nowMs(), {
      version,
      watcher: watcher === null ? null : watcherModel(watcher, watcher.state),
      ...(commits === undefined ? {} : { commits })
    })
    const dir = resolve(io.cwd, out)
    // Below the current folder, which may be a checkout of what builders write, no part of the way is a link either.
    const within = dir.startsWith(io.cwd.endsWith('/') ? io.cwd : `${io.cwd}/`) ? io.cwd : dir
    const files = boardFiles(model)
    for (const [path, text] of files) {
      // Each page is whole at any moment, for whoever serves the folder.
      await written(replaceFile(join(dir, path), text, { within, makeFolders: true }))
    }
    io.progress(null)
    io.out(`${files.size} ${files.size === 1 ? 'page' : 'pages'}, from ${join(dir, 'index.html')} on`)
    io.json({ out: dir, files: [...files.keys()], at: model.at })
    return exitCode.pass
  })
}

async function written(writing: Promise<void>): Promise<void> {
  try {
    await writing
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new AdversaryError('usage', `--out: ${messageOf(error)}`, {
      cause: error,
      hint: 'name a new folder, or one that contains only a board'
    })
  }
}

function checkedCommits(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (
    url === null ||
    !['https:', 'http:'].includes(url.protocol) ||
    url.username !== '' ||
    url.password !== ''
  ) {
    throw new AdversaryError('usage', `--commits: \`${oneLine(text, 120)}\` is not an http or https URL`, {
      hint: '--commits https://git.example.test/ops/infra/commit/'
    })
  }
  return url.href
}
