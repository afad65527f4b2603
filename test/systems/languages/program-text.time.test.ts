import { expect, it } from 'vitest'
import { codeLines } from '../../../src/systems/programs/program-text.ts'
import { cpuMs } from '../../support/cpu.ts'

it.each([
  '"$(',
  '$(',
  '`',
  '"',
  "'",
  '(',
  '{ ',
  'if x; then ',
  '<<E\n',
  '${',
  '\\"',
  '[[ ',
  'case a in ',
  'f() ',
  '$((',
  '(((',
  'a=('
])('takes linear time on repeated %s', piece => {
  const text = piece.repeat(60_000)
  for (const kind of ['shell', 'nix', 'python', 'hash', 'slash'] as const) {
    expect(cpuMs(() => codeLines(text, kind))).toBeLessThan(3000)
  }
})
