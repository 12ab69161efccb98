title A 7940 is to work with SIP and runs SCCP 8.0(9)
answers B1
about 001B54AABBB1
phone {MAC} model 7940 lines 1001
fault: 0:00 announces model 7940 load P00308000900
sound: 0:00 announces model 7940 load P0S3-8-12-00
sound: 0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:05 gets SIP{MAC}.cnf
sound: 0:06 gets RINGLIST.DAT
sound: 0:08 registers 1001 agent Cisco-CP7940G/8.0
4:00 waits
finds needs-conversion
