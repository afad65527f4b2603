import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { openClone } from '../../src/git/clone.ts'
import { allowedSigners, makeRepo } from '../support/repo.ts'
import { makeReviewer, publicationOf, publish } from '../support/reviews.ts'

/** What git is asked, or how the key is used: the first words that are no option. */
function told(line: string): string {
  const words = line.split(' ').filter((word, at, all) => !/^--|^-c$/.test(word) && all[at - 1] !== '-c')
  return words.slice(0, words[0] === 'git' ? 2 : 3).join(' ')
}

/** From the fetch of a tip to the push onto it others may push: each process makes losing likelier. */
it('an attempt after a lost race starts six processes', async () => {
  const repo = await makeRepo()
  onTestFinished(() => repo.dispose())
  const key = await repo.key('reviewer')
  const trust = { allowed: allowedSigners([['adversary', key]]), reviewer: 'adversary' }

  const tools = join(repo.dir, 'tools')
  const started = join(repo.dir, 'started')
  await mkdir(tools)
  for (const tool of ['git', 'ssh-keygen']) {
    const { stdout } = await promisify(execFile)('sh', ['-c', `command -v ${tool}`])
    const script = `#!/bin/sh\necho "${tool} $*" >>'${started}'\nexec '${stdout.trim()}' "$@"\n`
    await writeFile(join(tools, tool), script, { mode: 0o755 })
  }
  const before = process.env['PATH']
  onTestFinished(() => {
    process.env['PATH'] = before
  })
  process.env['PATH'] = `${tools}:${before}`

  const git = await openClone({ url: repo.url, dir: join(repo.dir, 'clone.git') })
  onTestFinished(() => git.close())
  const reviewer = makeReviewer(git, key, trust)
  await reviewer.say({})
  await repo.builder.pull()
  const claim = await repo.builder.commit('claim(pvfix-M1): done')
  await repo.builder.push()

  let losses = 0
  const published = await publish({
    ...reviewer.options(async tip => {
      if (losses < 2) {
        await repo.builder.commit(`core: faster ${losses}`)
        await repo.builder.push()
      }
      return publicationOf(tip, { claim })
    }),
    async sleep() {
      losses += 1
      await rm(started)
    }
  })
  expect(published).toMatchObject({ kind: 'published', attempts: 3 })

  const words = (await readFile(started, 'utf8')).trim().split('\n').map(told)
  expect(words.slice(0, words.indexOf('git push') + 1)).toEqual([
    'git fetch',
    'git rev-list',
    'git unpack-objects',
    'git commit-tree',
    'ssh-keygen -Y sign',
    'git push'
  ])
})
