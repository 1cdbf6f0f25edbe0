-- New, still open, and open but outside of this window.
select (select count(*) from named_differences anti join saved using (key, verdict, reason, unit)),
  (select count(*) from named_differences semi join saved using (key, verdict, reason, unit)),
  (select count(*) from saved anti join named_differences using (key, verdict, reason, unit)) - (select count(*) from gone),
  (select max(saved_s) from last_run)
