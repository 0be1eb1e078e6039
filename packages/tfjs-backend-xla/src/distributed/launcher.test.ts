import { describe, expect, it } from 'vitest'
import { processGroupFromEnvironment as read } from './launcher'

const torchrun = { RANK: '3', WORLD_SIZE: '8', LOCAL_RANK: '1', MASTER_ADDR: 'head', MASTER_PORT: '29500' }
const slurm = { SLURM_PROCID: '1', SLURM_NTASKS: '4', SLURM_LOCALID: '0', SLURM_JOB_ID: '123456' }

describe('processGroupFromEnvironment', () => {
  it('is nothing without a launcher, and for a run of one process', () => {
    expect(read({})).toBeUndefined()
    expect(read({ SLURM_JOB_ID: '7', SLURM_NTASKS: '4' })).toBeUndefined()
    expect(read({ ...torchrun, RANK: '0', WORLD_SIZE: '1' })).toBeUndefined()
  })

  it("reads torchrun's variables", () => {
    expect(read(torchrun)).toEqual({ rank: 3, worldSize: 8, localRank: 1, host: 'head', port: 29500 })
  })

  it("reads SLURM's, with the first machine of the job and a port of its own", () => {
    const group = { rank: 1, worldSize: 4, localRank: 0, port: 23456 }
    const host = (SLURM_STEP_NODELIST: string) => read({ ...slurm, SLURM_STEP_NODELIST })
    expect(host('gpu[007-012,20],login1')).toEqual({ ...group, host: 'gpu007' })
    expect(host('gpu[3]-ib,other')).toEqual({ ...group, host: 'gpu3-ib' })
    expect(host('node-a,node-b')).toEqual({ ...group, host: 'node-a' })
    expect(read({ ...slurm, SLURM_JOB_NODELIST: 'n1', MASTER_ADDR: 'm', MASTER_PORT: '99' })).toEqual({
      ...group,
      host: 'm',
      port: 99,
    })
  })

  it("reads those of Open MPI and of Kubernetes' Indexed Jobs", () => {
    const place = { WORLD_SIZE: '2', MASTER_ADDR: 'job-0.svc' }
    expect(read({ JOB_COMPLETION_INDEX: '1', ...place })).toEqual({
      rank: 1,
      worldSize: 2,
      localRank: 0,
      host: 'job-0.svc',
      port: 29400,
    })
    const mpi = { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '2', OMPI_COMM_WORLD_LOCAL_RANK: '1' }
    expect(read({ ...mpi, MASTER_ADDR: 'a' })).toMatchObject({ rank: 1, worldSize: 2, localRank: 1, host: 'a' })
  })

  it('says what is missing or wrong', () => {
    expect(() => read({ ...torchrun, WORLD_SIZE: '' })).toThrow(/RANK is set as torchrun does, but WORLD_SIZE is not/)
    expect(() => read({ ...torchrun, MASTER_ADDR: undefined })).toThrow(/MASTER_ADDR is not set/)
    expect(() => read({ ...torchrun, RANK: '8' })).toThrow(/RANK is 8; it must be below WORLD_SIZE, which is 8/)
    expect(() => read({ ...torchrun, RANK: '-1' })).toThrow(/RANK must be a whole number, not '-1'/)
    expect(() => read({ ...torchrun, MASTER_PORT: '70000' })).toThrow(/MASTER_PORT must be from 1 to 65535/)
    expect(() => read(slurm)).toThrow(/MASTER_ADDR is not set/)
  })
})
