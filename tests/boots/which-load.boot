title A 7940 on P00308000500 waits for somebody to choose: which load it needs is a plan's to say
answers B4 B5
about 001B54AABBB5
phone {MAC} model 7940 lines 1001
firmware P0S3-8-12-00 P0S3-8-12-00.loads,P003-8-12-00.sbn,P0S3-8-12-00.sb2
0:00 announces model 7940 load P00308000500
0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:10 converts P0S3-8-12-00
1:00 waits
finds needs-conversion
