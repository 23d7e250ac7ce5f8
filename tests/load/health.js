// The probes, which balancers and orchestrators ask all the time.

import { options as staged, table, visit } from './stages.js'

const TARGETS = {
    '/health': 10,
    '/health/ready': 20,
    '/health/live': 5,
}

export const options = staged(TARGETS)

export default () => visit(TARGETS, 0.1)

export const handleSummary = (data) => table(data, TARGETS)
