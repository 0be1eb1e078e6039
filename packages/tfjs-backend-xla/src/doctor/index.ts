export { type DiagnoseOptions, diagnose } from './diagnose'
export { printDiagnosis } from './print'
export type {
  CacheReport,
  DeviceReport,
  Diagnosis,
  NvidiaGpu,
  NvidiaProcess,
  NvidiaReport,
  PluginReport,
  SpeedReport,
  SystemReport,
} from './report'
