import { expect, it } from 'vitest'
import { fileCode } from '../../../src/systems/programs/program-text.ts'
import { cpuMs } from '../../support/cpu.ts'
import { paths } from '../../support/file-kinds.ts'

it.each([
  '"',
  "'",
  '`',
  '/',
  '/[',
  '<<E\n',
  '<<E\nE\n',
  '/*',
  '(*',
  '--[[',
  '{#',
  '<!--',
  "''",
  '${',
  'print(',
  'echo a | ',
  'RUN <<E\nE\n',
  '- a: |\n  b\n',
  'run: |\n  x\n',
  'a() { b; }\na\n',
  '\ta\n',
  'r#"'
])('takes linear time on repeated %j', piece => {
  const text = piece.repeat(30_000)
  for (const path of paths) expect(cpuMs(() => fileCode(path, text))).toBeLessThan(3000)
})
