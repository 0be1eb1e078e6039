export { EventFile, type EventFileOptions } from './event-file'
export {
  type AudioClip,
  audioValue,
  histogramValue,
  hyperParametersValue,
  type SummaryValue,
  scalarValue,
  textValue,
} from './summary'
