title A 7975 was reset, is dark, and reads term75.default.loads over and over
answers A6
about 001B54AABB06
phone {MAC} model 7975 lines 1001
firmware SCCP75.9-0-3S SCCP75.9-0-3S.loads,term75.default.loads,jar75sccp.9-0-3TH1-22.sbn,cnu75.9-0-3TH1-22.sbn
erased term75 SCCP75.9-0-3S
0:00 leases 10.0.7.60
0:05 gets term75.default.loads
fault: 0:50 gets term75.default.loads
fault: 1:40 gets term75.default.loads
fault: 2:30 gets term75.default.loads
sound: 0:07 gets jar75sccp.9-0-3TH1-22.sbn
sound: 0:20 gets cnu75.9-0-3TH1-22.sbn
sound: 4:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 4:00 gets SEP{MAC}.cnf.xml
sound: 4:01 gets dialplan.xml
sound: 4:03 registers 1001 agent Cisco-CP7975G/9.3.1
finds manifest-refused
