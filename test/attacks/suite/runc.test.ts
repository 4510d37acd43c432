import { siege } from './siege.ts'

siege('runc')
