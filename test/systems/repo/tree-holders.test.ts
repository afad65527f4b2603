import { describe, expect, it } from 'vitest'
import { holderOf } from '../../../src/systems/repo/tree-holders.ts'

const wanted = '--subnet 10.10.0.0/16'
const create = `docker network create ${wanted} proxy`
const held = (count: number, ...first: readonly (readonly [path: string, text: string])[]) => ({
  text: wanted,
  count,
  first: first.map(([path, text]) => ({ path, text }))
})

describe('who holds a text', () => {
  it.each<[name: string, files: ReturnType<typeof held>, programs: boolean, kind: string]>([
    ['a script that does it', held(1, ['a.sh', `${create}\n`]), true, 'does'],
    ['a script that only says it', held(1, ['a.sh', `# ${create}\n`]), true, 'said'],
    ['one says it, another does', held(2, ['a.sh', `# ${create}\n`], ['b.sh', `${create}\n`]), true, 'does'],
    ['nothing', held(0), true, 'nowhere'],
    ['a document among programs', held(1, ['README.md', `${create}\n`]), true, 'unclear'],
    ['a document among documents', held(1, ['README.md', `${create}\n`]), false, 'does'],
    ['a comment, and a document', held(2, ['a.sh', `# ${create}\n`], ['a.md', create]), true, 'unclear'],
    ['comments, and more files than were looked at', held(9, ['a.sh', `# ${create}\n`]), true, 'unclear'],
    ['only files that were not looked at', held(1), true, 'unclear'],
    ['an encrypted file', held(1, ['a.yml', `$ANSIBLE_VAULT;1.1;AES256\n${create}\n`]), true, 'unclear']
  ])('%s', (_, files, programs, kind) => {
    expect(holderOf(files, 'contains', programs).kind).toBe(kind)
  })

  it('names the line', () => {
    expect(holderOf(held(1, ['a.sh', `set -e\n${create}\n`]), 'contains', true)).toEqual({
      kind: 'does',
      at: 'a.sh:2',
      how: '',
      shows: [`2:${create}`]
    })
  })

  it('takes a pattern as one', () => {
    const pattern = { ...held(1, ['a.sh', `${create}\n`]), text: 'create .*proxy$' }
    expect(holderOf(pattern, 'matches', true).kind).toBe('does')
    expect(holderOf(pattern, 'contains', true).kind).toBe('nowhere')
  })
})
