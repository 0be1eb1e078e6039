import { engine, type Tensor, type Variable } from '@tensorflow/tfjs-core'

/** A tensor that shares (and keeps) a variable's present value. */
export const hold = (variable: Variable): Tensor => {
  const { dataId, shape, dtype } = variable
  const { backend } = engine().state.tensorInfo.get(dataId)!
  backend.incRef(dataId)
  return engine().makeTensorFromTensorInfo({ dataId, shape, dtype }, backend)
}

/** Runs `fn`, which must leave variables as they are. Where it does not, they get their values back and it is an error. */
export const keepingVariables = <T>(part: string, fn: () => T): T => {
  const variables = Object.values(engine().state.registeredVariables)
  const before = variables.map(hold)
  let assigned: Variable | undefined
  let made: Variable | undefined
  let result: T
  try {
    result = fn()
  } finally {
    variables.forEach((variable, i) => {
      const value = before[i]!
      if (!variable.isDisposed && variable.dataId !== value.dataId) {
        assigned = variable
        variable.assign(value)
      }
      value.dispose()
    })
    made = Object.values(engine().state.registeredVariables).find((variable) => !variables.includes(variable))
    made?.dispose()
  }
  const wrong = made ? `makes the variable "${made.name}"` : assigned && `assigns the variable "${assigned.name}"`
  if (wrong) throw new Error(`${part} ${wrong}: its ops are recorded once, for all steps. Return the value instead.`)
  return result
}
