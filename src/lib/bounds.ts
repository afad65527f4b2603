/**
 * The bounds of every door through which foreign bytes come, in one place. Whoever reads something foreign takes its
 * bound from here; `SECURITY.md` has the same numbers for people, and a test holds the two together.
 */

const KiB = 1024
const MiB = 1024 * KiB

/** What `serve` takes from whoever can reach it. Times in milliseconds. */
export const httpBounds = {
  /** Request line and headers together. */
  headBytes: 16 * KiB,
  headers: 64,
  /** Push events and builds are some kilobytes. */
  bodyBytes: 2 * MiB,
  headersMs: 5_000,
  /** Headers and body. */
  requestMs: 10_000,
  /** Until an answer is made, and until whoever asked has taken it. */
  answerMs: 60_000,
  sendMs: 30_000,
  connections: 200,
  requestsPerConnection: 100,
  /** Of each route: bodies that are being received, and requests that are being answered. */
  bodies: 16,
  answers: 32,
  /** Of each route, and of everything that is refused: requests a second, and how many may come at once. */
  perSecond: 50,
  burst: 200,
  /** What is taken of an unwanted body so that the refusal is read before the connection ends. */
  lingerBytes: 64 * KiB,
  lingerMs: 500
} as const

/** What a forge answers, and how much of an error of it is quoted. */
export const forgeBounds = {
  bodyBytes: 256 * KiB,
  deadlineMs: 10_000,
  depth: 4,
  quotedParts: 20,
  quotedCharacters: 200
} as const

/** Files that a person or the machine's owner names. In bytes. */
export const fileBounds = {
  secret: 16 * KiB,
  signers: MiB,
  /** A key of SSH, or its public half. */
  key: 64 * KiB,
  /** `ssh_config` and `known_hosts`. */
  ssh: 16 * MiB,
  /** A certificate authority. */
  authority: MiB
} as const

/** What `serve` shows of the newest reviews: how many, and how many characters of what was read. */
export const boardBounds = { reviews: 200, characters: 20_000_000 } as const

/**
 * Sections of review files, as the board shows them: what is longer is cut, what is nested deeper is text. Of the whole
 * board there are so many characters; what comes later is in the review file alone.
 */
export const proseBounds = { characters: 60_000, nesting: 8, ofBoard: 300_000 } as const

/**
 * Review files where their lines alone do not tell what is a heading: what is past it counts as what it looks like.
 * Nothing that people write comes near, and a gate that has a deadline is answered in time.
 */
export const parsingBounds = {
  /** Work is in microseconds of a slow machine, and counted: it is the same on every one. */
  work: 8_000_000,
  /** Of a file of more than so many characters, that is. */
  whole: 2 * MiB,
  workOfLonger: 1_000_000,
  /** What is parsed at once, in characters and in work: who waits beside it waits no longer. */
  part: 128 * KiB,
  workOfPart: 2_500_000,
  /** Of all files and sections that one gate reads of a phase, and of all sections on a board. */
  workOfGate: 16_000_000,
  workOfBoard: 4_000_000,
  /** Quotes and lists in each other, and brackets and stars in one paragraph. */
  nested: 100,
  marks: 10_000
} as const

/** What is followed of scripts that a host shows: past it they could not be followed, which is unknown. */
export const analysisBounds = {
  /** Of one script, in characters. */
  script: MiB,
  /** Characters that are read, words and values that are made, for one unit and for one host. */
  unitSteps: 1_000_000,
  hostSteps: 4_000_000,
  /** Units of a host; words of the unit files of one, and of all. */
  units: 3_000,
  unitWords: 20_000,
  hostWords: 200_000,
  /** What one variable may be: different texts, characters of each, elements of a list or dictionary. */
  values: 24,
  valueCharacters: 4_000,
  elements: 1_000
} as const

/** What a host answers in one review. Each read has a cap of its own besides. */
export const answerBounds = {
  /** Of all answers together: they are kept until the review is written. */
  hostBytes: 16 * MiB,
  /** Of an answer that was cut, in characters: it is shown, and not judged. */
  shownOfCut: 64 * KiB,
  /** Of one answer: what takes a text apart takes some memory for each line, however short. */
  lines: 300_000
} as const

/** A boot that is rehearsed in a process of its own: real time, memory, and what it prints. */
export const rehearsalBounds = { ms: 20_000, memoryMb: 512, outputBytes: 20 * MiB } as const

/** JSON that a host prints. */
export const jsonBounds = {
  depth: 64,
  /** Of one text: members, elements, and what they are in. */
  values: 200_000,
  /** Of a list that is printed as one document a line. */
  documents: 20_000
} as const

/** The tree of a commit, where all of it is searched. */
export const treeBounds = {
  /** Files and folders of the commit. */
  entries: 300_000,
  /** Of the files that are searched: how many, and how much of them. */
  files: 20_000,
  bytes: 64 * MiB,
  fileBytes: 8 * MiB
} as const

/** YAML of a home, of a repo and of a host. */
export const yamlBounds = { depth: 100 } as const

/** What is judged of a host. */
export const judgingBounds = {
  /** Of what holds addresses (networks, interfaces, routes), two and two. */
  pairs: 2_000_000,
  /** That one check tells. */
  findings: 200
} as const

/** Cleaning of secrets: what is past it is neither shown nor judged. */
export const cleaningBounds = {
  /** Of one secret, in characters: the longest variable that Linux gives a program. */
  secret: 128 * KiB,
  /** Texts within one that look like JSON and are none. */
  failedParses: 10_000,
  /** Different secrets in one text. */
  secrets: 10_000
} as const
