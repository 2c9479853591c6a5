"""The desk: a JSON API under /api/v1 and server-rendered pages, over the same verbs and views as the command line.

app         the application: what is mounted where
server      uvicorn, which stops although pages have open streams
desk        what every request needs: the parts, the settings of the desk, who asks
guard       what is checked before any route: host, origin, size; and the headers of every reply
door        what machines ask without a login: alive, ready, figures
serve       the desk as a process
problems    refusals as problem+json, or as a page
kit/        answers, cursors, revisions, idempotency keys, the words of remedies, pages, times, the watcher of changes
api/        one module of routes for each subject
pages/      the same subjects as pages; their templates are in templates/<subject>/
"""
