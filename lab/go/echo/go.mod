module eco2.example/lab/echo

go 1.26.0
