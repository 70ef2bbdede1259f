import { readFile } from 'node:fs/promises';

/** The most memory that a process has held at once (VmHWM, proc(5)), in MB. Linux only. */
export async function peakMemoryMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  if (match?.[1] === undefined) throw new Error(`/proc/${pid}/status tells no VmHWM`);
  return (Number(match[1]) * 1024) / 1e6;
}
