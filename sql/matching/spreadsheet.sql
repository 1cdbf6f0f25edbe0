select columns(*)::varchar.regexp_replace('^([ ]*[=+@\t\r\n])', '''\1') from differences
