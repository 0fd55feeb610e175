module eco2.example/lab/pause

go 1.26.0
