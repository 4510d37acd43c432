import { siege } from './siege.ts'

siege('crun')
