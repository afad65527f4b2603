import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { newObjects } from '../../src/git/raw/pack.ts'
import { runGit } from '../../src/git/process.ts'

it.each(['sha1', 'sha256'] as const)('git unpacks what is packed here, with %s', async algorithm => {
  const dir = await mkdtemp(join(tmpdir(), 'adversary-pack-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const made = await runGit(dir, ['init', '--quiet', '--bare', `--object-format=${algorithm}`, dir])
  expect(made.code).toBe(0)
  const objects = newObjects(algorithm)
  // Around each length at which the head of an entry grows by a byte.
  const contents = [0, 1, 15, 16, 2047, 2048, 262_143, 262_144].map(size => Buffer.alloc(size, 'ab\n'))
  const shas = contents.map(bytes => objects.add('blob', bytes))
  expect(objects.add('blob', Buffer.alloc(16, 'ab\n'))).toBe(shas[3])
  // What no well-behaved tree holds stays as it is.
  const odd = Buffer.concat([Buffer.from('100644 .git\0'), Buffer.from(shas[1] ?? '', 'hex')])
  const tree = objects.add('tree', odd)

  const unpacked = await runGit(dir, ['unpack-objects', '-q'], { input: await objects.pack() })
  expect(unpacked).toMatchObject({ code: 0, stderr: '' })
  for (const [index, sha] of shas.entries()) {
    const { stdout } = await runGit(dir, ['cat-file', 'blob', sha])
    expect(stdout.equals(contents[index] ?? Buffer.from('none'))).toBe(true)
  }
  const read = await runGit(dir, ['cat-file', 'tree', tree])
  expect(read.stdout.equals(odd)).toBe(true)
})
