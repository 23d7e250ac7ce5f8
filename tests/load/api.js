// What people and their tools ask: all SLOs, pages of them, single ones and their past, and what is wrong.

import { options as staged, table, visit } from './stages.js'

const TARGETS = {
    '/api/v1/slos': 50,
    '/api/v1/slos?limit=50': 50,
    '/api/v1/slos?service=service7': 50,
    '/api/v1/slos/service7/events3': 50,
    '/api/v1/slos/service7/latency3/history': 50,
    '/api/v1/alerts': 50,
    '/api/v1/problems': 50,
    '/api/v1/notifications': 50,
    '/api/v1/energy': 50,
}

export const options = staged(TARGETS)

export default () => visit(TARGETS, 0.2)

export const handleSummary = (data) => table(data, TARGETS)
