import { execFile, spawn } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { inCheckout } from './root.ts'

const run = promisify(execFile)

/**
 * Puts the program on the test host as `npm install --global` would, with this machine's Node and git, which
 * run on a newer Debian too.
 */
export async function installOnHost(): Promise<void> {
  const stage = await mkdtemp(join(tmpdir(), 'adversary-stage-'))
  try {
    await stageProgram(join(stage, 'usr/local/lib/node_modules/adversary-bot'))
    const bin = join(stage, 'usr/local/bin')
    await mkdir(bin, { recursive: true })
    await cp(process.execPath, join(bin, 'node'))
    await symlink('../lib/node_modules/adversary-bot/dist/src/cli/main.js', join(bin, 'adversary'))
    const gitCore = (await run('git', ['--exec-path'])).stdout.trim()
    await mkdir(join(stage, 'usr/bin'), { recursive: true })
    await cp(join(gitCore, 'git'), join(stage, 'usr/bin/git'))
    for (const name of ['git-upload-pack', 'git-receive-pack']) {
      await symlink('git', join(stage, 'usr/bin', name))
    }
    // Its commands are links to it, and the host has the same folder for them.
    await mkdir(join(stage, gitCore), { recursive: true })
    await symlink('/usr/bin/git', join(stage, gitCore, 'git'))
    await send(stage)
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}

/** What npm would unpack: the built program, and what it needs at run time. */
async function stageProgram(to: string): Promise<void> {
  const root = inCheckout('')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const words = [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(to, 'dist')]
  await run(process.execPath, words, { cwd: root })
  await chmod(join(to, 'dist/src/cli/main.js'), 0o755)
  await cp(join(root, 'package.json'), join(to, 'package.json'))
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const packages = Object.entries<{ dev?: boolean; optional?: boolean }>(lock.packages)
  for (const [path, { dev, optional }] of packages) {
    if (path === '' || dev === true || optional === true) continue
    await mkdir(dirname(join(to, path)), { recursive: true })
    await cp(join(root, path), join(to, path), { recursive: true })
  }
}

async function send(stage: string): Promise<void> {
  const pack = spawn('tar', ['-c', '-C', stage, 'usr'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const unpack = spawn(inCheckout('test/host/shell'), ['tar', '-x', '--no-same-owner', '-C', '/'], {
    stdio: [pack.stdout, 'inherit', 'inherit']
  })
  const code = await new Promise(done => unpack.once('close', done))
  if (code !== 0) throw new Error(`test host: the program could not be put there (tar ended with ${code})`)
}
