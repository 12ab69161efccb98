title A 7940 reads a configuration that names a load five times and asks for nothing of it
about 001B54AABBDB
phone {MAC} model 7940 lines 1001
firmware P0S3-8-12-00 P0S3-8-12-00.loads,P003-8-12-00.sbn,P0S3-8-12-00.sb2
0:00 announces model 7940 load P00308000500
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:06 converts P0S3-8-12-00
1:00 gets SEP{MAC}.cnf.xml
fault: 2:00 gets SEP{MAC}.cnf.xml
fault: 3:00 gets SEP{MAC}.cnf.xml
fault: 4:00 gets SEP{MAC}.cnf.xml
fault: 5:00 gets SEP{MAC}.cnf.xml
sound: 1:02 gets P0S3-8-12-00.loads
sound: 1:03 gets P0S3-8-12-00.sb2
sound: 3:01 gets SEP{MAC}.cnf.xml
sound: 3:02 gets SIP{MAC}.cnf
sound: 3:03 gets RINGLIST.DAT
sound: 3:05 registers 1001 agent Cisco-CP7940G/8.0
12:00 waits
finds offer-unheeded
