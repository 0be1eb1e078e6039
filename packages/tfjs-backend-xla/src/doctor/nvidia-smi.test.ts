import { describe, expect, it } from 'vitest'
import { parseGpus } from './nvidia-smi'

const MIB = 1024 * 1024

describe('parseGpus', () => {
  it('reads GPUs and who holds their memory', () => {
    const gpus =
      '0, GPU-aa, NVIDIA H100 80GB HBM3, 9.0, 81559, 70123\n1, GPU-bb, NVIDIA H100 80GB HBM3, 9.0, 81559, 4\n'
    const processes = 'GPU-aa, 4242, /usr/bin/python3, 69000\nGPU-aa, 77, node, [N/A]\n'
    expect(parseGpus(gpus, processes)).toEqual([
      {
        index: 0,
        name: 'NVIDIA H100 80GB HBM3',
        computeCapability: '9.0',
        memoryBytes: 81559 * MIB,
        usedMemoryBytes: 70123 * MIB,
        processes: [
          { pid: 4242, name: '/usr/bin/python3', usedMemoryBytes: 69000 * MIB },
          { pid: 77, name: 'node', usedMemoryBytes: undefined },
        ],
      },
      {
        index: 1,
        name: 'NVIDIA H100 80GB HBM3',
        computeCapability: '9.0',
        memoryBytes: 81559 * MIB,
        usedMemoryBytes: 4 * MIB,
        processes: [],
      },
    ])
  })

  it('lives with what an old driver does not tell, and with nothing at all', () => {
    const [gpu] = parseGpus('0, GPU-aa, Tesla K80, [N/A], 11441, 0', 'No running processes found')
    expect(gpu).toMatchObject({ computeCapability: undefined, memoryBytes: 11441 * MIB, processes: [] })
    expect(parseGpus('', '')).toEqual([])
  })
})
