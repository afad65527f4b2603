import { ChildProcess } from 'node:child_process'
import { appendFileSync, promises } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'

/**
 * Loaded before the product with `node --import`: counts the moments at which the outside world changes, and
 * ends the process with SIGKILL at one of them. A moment is just before and just after a file is made,
 * written, moved or removed; just before and after a process is started, and when its end is heard of; and
 * just before each write to the network.
 *
 * KILL_AT: the moment, from 1. KILL_ALL: with every process that it has started, as when the machine stops;
 * else they go on without it. KILL_LOG: a file that gets a line for each moment.
 */
const { KILL_AT, KILL_ALL, KILL_LOG } = process.env
const at = Number(KILL_AT ?? 0)
const children = new Set()
let moments = 0

function moment(what) {
  moments += 1
  if (KILL_LOG !== undefined) appendFileSync(KILL_LOG, `${what}\n`)
  if (moments !== at) return
  if (KILL_ALL !== undefined) {
    for (const { pid } of children) {
      // Some lead a group of their own, the others belong to ours.
      for (const whom of [-pid, pid]) {
        try {
          process.kill(whom, 'SIGKILL')
        } catch (error) {
          if (error.code !== 'ESRCH') throw error
        }
      }
    }
  }
  process.kill(process.pid, 'SIGKILL')
}

for (const name of ['mkdir', 'mkdtemp', 'writeFile', 'rename', 'rm', 'copyFile', 'symlink', 'link', 'unlink']) {
  const real = promises[name]
  promises[name] = async (...given) => {
    moment(`before ${name}`)
    const done = await real.apply(promises, given)
    moment(`after ${name}`)
    return done
  }
}
syncBuiltinESMExports()

const { spawn } = ChildProcess.prototype
ChildProcess.prototype.spawn = function (options) {
  const words = [options.file, ...options.args.slice(1).filter(word => !/^-|[=/]/.test(word))].slice(0, 3)
  moment(`before ${words.join(' ')}`)
  const code = spawn.call(this, options)
  children.add(this)
  // Before anybody else hears of it.
  this.prependListener('exit', () => {
    children.delete(this)
    moment(`end of ${words.join(' ')}`)
  })
  moment(`start of ${words.join(' ')}`)
  return code
}

const { write } = Socket.prototype
Socket.prototype.write = function (...given) {
  if (this.remotePort !== undefined) moment('write to the network')
  return write.apply(this, given)
}
