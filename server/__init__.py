"""The exam service 考试服务: floor (core, storage, webkit, accounts, audit), scheduling, delivery, takeover."""
