export { formatProfile, type ProfileRow, type ProgramProfile, profileProgram } from './profile'
