// Of a page that was opened as a file, a browser loads no other one to quote from it.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
