import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import {
  analysisBounds,
  answerBounds,
  boardBounds,
  cleaningBounds,
  fileBounds,
  forgeBounds,
  httpBounds,
  jsonBounds,
  judgingBounds,
  parsingBounds,
  proseBounds,
  rehearsalBounds,
  treeBounds,
  yamlBounds
} from '../src/lib/bounds.ts'

/** The table of SECURITY.md says the numbers that the code has. */

const table = (await readFile(new URL('../SECURITY.md', import.meta.url), 'utf8'))
  .split('\n')
  .filter(line => line.startsWith('|'))
const row = (door: string) => {
  const found = table.filter(line => line.startsWith(`| ${door}`))
  expect(found).toEqual([expect.stringContaining(door)])
  return found[0] ?? ''
}
const size = (bytes: number) => (bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`)
const seconds = (ms: number) => `${ms / 1000} s`

it.each<[door: string, shown: readonly string[]]>([
  [
    '`serve`: request line',
    [size(httpBounds.headBytes), `${httpBounds.headers} headers`, seconds(httpBounds.headersMs)]
  ],
  ['`serve`: body', [size(httpBounds.bodyBytes), seconds(httpBounds.requestMs)]],
  ['`serve`: bodies', [`${httpBounds.bodies} for each route`]],
  ['`serve`: requests', [`${httpBounds.perSecond} a second`, `${httpBounds.burst} at once`]],
  [
    '`serve`: answers',
    [`${httpBounds.answers} for each route`, seconds(httpBounds.answerMs), seconds(httpBounds.sendMs)]
  ],
  [
    '`serve`: connections',
    [`${httpBounds.connections} for each`, `${httpBounds.requestsPerConnection} requests`]
  ],
  [
    'a section on the board',
    [
      `${proseBounds.characters} characters`,
      `${proseBounds.ofBoard} on the whole`,
      `${proseBounds.nesting} lists`
    ]
  ],
  [
    'Markdown of a review file',
    [
      `${parsingBounds.work / 1e6} s`,
      `${parsingBounds.workOfPart / 1e6} s and`,
      size(parsingBounds.part),
      `${parsingBounds.nested} quotes`,
      `${parsingBounds.marks} brackets`
    ]
  ],
  [
    'Markdown that one gate',
    [`${parsingBounds.workOfGate / 1e6} s of`, `${parsingBounds.workOfBoard / 1e6} s for the sections`]
  ],
  ['reviews on the board', [`newest ${boardBounds.reviews},`, `${boardBounds.characters} characters`]],
  ['forge: an answer', [size(forgeBounds.bodyBytes), seconds(forgeBounds.deadlineMs)]],
  ['file of a secret', [size(fileBounds.secret)]],
  ['list of signers', [size(fileBounds.signers)]],
  ['SSH key', [size(fileBounds.key), size(fileBounds.ssh)]],
  [
    'scripts that a host starts',
    [
      size(analysisBounds.script),
      `${analysisBounds.unitSteps} steps`,
      `${analysisBounds.hostSteps} for a host`
    ]
  ],
  [
    'a boot that is rehearsed',
    [
      seconds(rehearsalBounds.ms),
      `${rehearsalBounds.memoryMb} MiB of memory`,
      size(rehearsalBounds.outputBytes)
    ]
  ],
  [
    'answers of a host',
    [
      size(answerBounds.hostBytes),
      `${answerBounds.lines} lines`,
      `${size(answerBounds.shownOfCut)} of it are shown`
    ]
  ],
  [
    'units of a host',
    [
      `${analysisBounds.units} units`,
      `${analysisBounds.unitWords} words`,
      `${analysisBounds.hostWords} in all`
    ]
  ],
  [
    'JSON of a host',
    [`nests ${jsonBounds.depth} deep`, `${jsonBounds.values} values`, `${jsonBounds.documents} documents`]
  ],
  [
    'tree of a commit',
    [
      `${treeBounds.entries} files`,
      `${treeBounds.files} files`,
      size(treeBounds.bytes),
      `${size(treeBounds.fileBytes)} each`
    ]
  ],
  ['YAML', [`nests ${yamlBounds.depth} deep`]],
  ['what holds addresses', [`${judgingBounds.pairs} pairs`]],
  ['what one check finds', [String(judgingBounds.findings)]],
  [
    'cleaning of secrets',
    [
      size(cleaningBounds.secret),
      `${cleaningBounds.secrets} different`,
      `${cleaningBounds.failedParses} texts`
    ]
  ],
  [
    'a variable in them',
    [
      `${analysisBounds.values} values`,
      `${analysisBounds.valueCharacters} characters`,
      `${analysisBounds.elements} elements`
    ]
  ]
])('%s', (door, shown) => {
  for (const text of shown) expect(row(door)).toContain(text)
  expect(fileBounds.authority).toBe(fileBounds.signers)
})
